// SPDX-License-Identifier: Apache-2.0

import CNGHTTP2

/// Calls `body` with nghttp2's options for a session with these limits. `FrameGuard` stands before nghttp2 and is
/// stricter or says more; nghttp2's own limits must only not be reached first. Nil when there is no memory.
func withHTTP2Options<Result>(_ limits: ServerLimits, _ body: (OpaquePointer) -> Result?) -> Result? {
    var option: OpaquePointer?
    guard nghttp2_option_new(&option) == 0, let option else { return nil }
    defer { nghttp2_option_del(option) }
    // RFC 9218 section 7.1: clients change priorities with PRIORITY_UPDATE frames, which nghttp2 ignores unless told.
    nghttp2_option_set_builtin_recv_extension_type(option, UInt8(NGHTTP2_PRIORITY_UPDATE.rawValue))
    // nghttp2 gets to see heads without fields; `MessageRules` judges them.
    nghttp2_option_set_no_http_messaging(option, 1)
    let frames = limits.frames
    nghttp2_option_set_max_continuations(option, frames.continuationsMax)
    // Answers to PING and SETTINGS that wait for a client that does not read.
    nghttp2_option_set_max_outbound_ack(option, 2 * (frames.pingsPerMinute + frames.settingsPerMinute))
    // Twice, because the guard's bucket can give out its capacity twice (see `TokenBucket`).
    nghttp2_option_set_stream_reset_rate_limit(
        option, UInt64(2 * frames.resetsPerMinute), UInt64(frames.resetsPerMinute / 60 + 1))
    return body(option)
}
