// SPDX-License-Identifier: Apache-2.0

public import Base

/// What one loop's server has seen. Written by the loop's thread, read by any.
public final class ServerCounters: Sendable {
    public let connectionsAccepted = Counter()
    /// A gauge.
    public let connectionsOpen = Counter()
    /// Closed at once because `ServerLimits.connectionsMax` was reached.
    public let connectionsRefused = Counter()
    /// Closed at once because their client's address had as many as it may.
    public let connectionsRefusedByAddress = Counter()
    /// Ended in order because they had served long or often enough.
    public let connectionsRetired = Counter()
    /// Accepting paused because descriptors ran out.
    public let acceptPauses = Counter()
    public let handshakesFailed = Counter()
    /// TLS handshakes with a signature and a key exchange of their own.
    public let handshakesFull = Counter()
    /// TLS handshakes that went on with an earlier session.
    public let handshakesResumed = Counter()
    public let requests = Counter()
    /// Requests that were not HTTP, or whose head was over the limit.
    public let requestsMalformed = Counter()
    /// Connections closed by one of the time limits.
    public let timeouts = Counter()
    /// Readers closed for taking less than `ServerLimits.sendMinimumBytesPerSecond`.
    public let slowReaders = Counter()
    /// Requests whose content was over the limit, or malformed in HTTP/1.1: the stream was reset, the connection closed.
    public let contentsRefused = Counter()
    private let floodsByKind = FloodKind.allCases.map { _ in Counter() }
    /// Slow readers closed because all output buffers together reached `ServerLimits.outputBytesMax`.
    public let outputRefused = Counter()
    /// Responses that were cut off: the client left, or the body failed.
    public let responsesAborted = Counter()
    /// Body bytes handed to connections.
    public let bytesSent = Counter()

    public init() {}

    /// HTTP/2 connections closed with ENHANCE_YOUR_CALM, for this reason.
    public func floods(_ kind: FloodKind) -> Counter { floodsByKind[kind.rawValue] }
}
