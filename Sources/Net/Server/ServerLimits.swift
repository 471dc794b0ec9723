// SPDX-License-Identifier: Apache-2.0

/// What a client may take up of one loop's server. Every limit has a counter in `ServerCounters`.
public struct ServerLimits: Sendable {
    /// Open connections on this loop; further ones are closed at once.
    public var connectionsMax = 20_000
    /// Requests on one connection; then it is ended in order: GOAWAY, or `connection: close`.
    public var requestsPerConnectionMax = 1_000_000
    /// How long a connection lives before it is ended in the same way.
    public var lifetimeMilliseconds: Int64 = 3_600_000
    /// Names and values of a request's head, with 32 bytes for each field (RFC 9113 section 6.5.2).
    public var headerBytesMax = 16_384
    /// Lines of a request's head, pseudo-fields included; more get 431.
    public var headerFieldsMax = 100
    /// The request target; a longer one gets 414.
    public var targetBytesMax = 8192
    /// Content of a request that its handler has no use for. An HTTP/2 stream with more is reset, an HTTP/1.1
    /// connection closes after the response.
    public var contentBytesMax = 65_536
    /// Content that is kept for handlers that have a use for it, all connections together; requests beyond it get 503.
    public var contentBytesHeldMax = 67_108_864
    /// Concurrent streams of an HTTP/2 connection.
    public var streamsMax = 128
    /// Frames that a client may send beside its requests.
    public var frames = FrameLimits()
    /// Output that waits for slow readers, all connections together; a reader that falls behind beyond it is closed.
    public var outputBytesMax = 1 << 30
    /// From accept to a finished TLS handshake.
    public var handshakeTimeoutMilliseconds: Int64 = 10_000
    /// From the first byte of a head to its last.
    public var headerTimeoutMilliseconds: Int64 = 10_000
    /// From the end of a request's head to the end of its content.
    public var contentTimeoutMilliseconds: Int64 = 10_000
    /// Without a request in work.
    public var idleTimeoutMilliseconds: Int64 = 60_000
    /// How long a connection that we end is read on, so that what the client still sends does not destroy the response.
    public var lingerTimeoutMilliseconds: Int64 = 2000
    /// Without any progress of a response that has bytes to send.
    public var sendStallTimeoutMilliseconds: Int64 = 30_000
    /// What a client must take in the average of `sendStallTimeoutMilliseconds` while output waits for it; 0 for no limit.
    public var sendMinimumBytesPerSecond = 500

    /// Bytes that wait in the kernel behind what is on its way: an urgent response stands behind no more of media.
    public var unsentBytesMax = 262_144

    public init() {}
}
