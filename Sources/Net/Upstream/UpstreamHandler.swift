// SPDX-License-Identifier: Apache-2.0

/// Why a request to an upstream server came to nothing.
public enum UpstreamFailure: Sendable, Equatable {
    case connectFailed
    case connectTimeout
    /// No TLS session came about; with the reason, such as what is wrong with the server's certificate.
    case tls(String)
    /// The server closed before any byte of a response. `reused` tells that the connection had served before, so that an
    /// idempotent request may simply be sent again (RFC 9112 section 9.3.1); `sent` that a part of the request has
    /// gone out and may have been acted upon.
    case closedBeforeResponse(reused: Bool, sent: Bool)
    case firstByteTimeout
    case stallTimeout
    /// What came was not an HTTP response.
    case malformed
    /// The connection ended in the middle of the body.
    case closedInBody
    /// Too many requests wait, or this one has waited for too long.
    case overloaded
    /// We gave up ourselves.
    case cancelled

    /// The server can not have seen the request: any request may be sent again.
    public var isUnsent: Bool {
        switch self {
        case .connectFailed, .connectTimeout, .tls, .overloaded: true
        case .closedBeforeResponse(_, let sent): !sent
        case .firstByteTimeout, .stallTimeout, .malformed, .closedInBody, .cancelled: false
        }
    }
}

/// Receives the response to one upstream request. All calls come on the loop's thread, in the order
/// interim responses, head, bodies, end; `failed` may come at any point and is the last.
open class UpstreamHandler {
    public init() {}

    /// An interim response (RFC 9110 section 15.2) with something to say to the client: neither 100, which no request of
    /// ours asks for, nor 101. A few at most come for one request.
    open func received(interim response: UpstreamResponse) {}

    /// False to give the request up; nothing more is called then.
    open func received(_ response: UpstreamResponse) -> Bool { true }

    /// A piece of the body, valid during the call. False to give the request up.
    open func received(body: UnsafeRawBufferPointer) -> Bool { true }

    /// The body is complete by its framing.
    open func ended() {}

    open func failed(_ failure: UpstreamFailure) {}
}

/// How long an upstream server may take, and how much is asked of it at once.
public struct UpstreamLimits: Sendable {
    /// Until a connection stands, its TLS handshake included.
    public var connectTimeoutMilliseconds: Int64 = 2000
    /// From the request's last byte to the response's first.
    public var firstByteTimeoutMilliseconds: Int64 = 15_000
    /// Without any byte in the middle of a response.
    public var stallTimeoutMilliseconds: Int64 = 15_000
    /// A kept connection is closed after this time without use.
    public var idleTimeoutMilliseconds: Int64 = 20_000
    /// How long a request waits for its turn.
    public var queueMilliseconds: Int64 = 10_000
    /// Connections to one server from one loop.
    public var connectionsMax = 64
    /// Kept connections to one server on one loop.
    public var idleConnectionsMax = 16
    /// Fetches of one loop at once, over all servers.
    public var fetchesMax = 256
    /// Requests of one loop that wait for a connection to one server, and that wait for other fetches to end.
    public var waitingMax = 4096

    public init() {}
}
