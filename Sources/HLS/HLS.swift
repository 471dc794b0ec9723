// SPDX-License-Identifier: Apache-2.0

/// HTTP Live Streaming: playlist model, writer, parser and rules (RFC 8216). No I/O.
public enum HLS {}
