// SPDX-License-Identifier: Apache-2.0

/// What a client may take up of one loop's server. Every limit has a counter in `ServerCounters`.
public struct ServerLimits: Sendable {
    /// Open connections on this loop; further ones are closed at once.
    public var connectionsMax = 20_000
    /// Names and values of a request's head, with 32 bytes for each field (RFC 9113 section 6.5.2).
    public var headerBytesMax = 16_384
    /// Concurrent streams of an HTTP/2 connection.
    public var streamsMax = 128
    /// Output that waits for slow readers, all connections together; a reader that falls behind beyond it is closed.
    public var outputBytesMax = 1 << 30
    /// From accept to a finished TLS handshake.
    public var handshakeTimeoutMilliseconds: Int64 = 10_000
    /// From the first byte of an HTTP/1.1 head to its last.
    public var headerTimeoutMilliseconds: Int64 = 10_000
    /// Without a request in work.
    public var idleTimeoutMilliseconds: Int64 = 60_000
    /// Without any progress of a response that has bytes to send.
    public var sendStallTimeoutMilliseconds: Int64 = 30_000

    public init() {}
}
