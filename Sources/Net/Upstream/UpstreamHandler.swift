// SPDX-License-Identifier: Apache-2.0

/// Why a request to an upstream server came to nothing.
public enum UpstreamFailure: Sendable, Equatable {
    case connectFailed
    case connectTimeout
    /// The server closed before any byte of a response; `reused` tells that the connection had served before,
    /// so that the request may simply be sent again (RFC 9112 section 9.3.1).
    case closedBeforeResponse(reused: Bool)
    case firstByteTimeout
    case stallTimeout
    /// What came was not an HTTP response.
    case malformed
    /// The connection ended in the middle of the body.
    case closedInBody
    /// Too many requests wait for this server.
    case overloaded
    /// We gave up ourselves.
    case cancelled
}

/// Receives the response to one upstream request. All calls come on the loop's thread, in the order
/// head, bodies, end; `failed` may come at any point and is the last.
open class UpstreamHandler {
    public init() {}

    /// False to give the request up; nothing more is called then.
    open func received(_ response: UpstreamResponse) -> Bool { true }

    /// A piece of the body, valid during the call. False to give the request up.
    open func received(body: UnsafeRawBufferPointer) -> Bool { true }

    /// The body is complete by its framing.
    open func ended() {}

    open func failed(_ failure: UpstreamFailure) {}
}

/// How long an upstream server may take.
public struct UpstreamLimits: Sendable {
    public var connectTimeoutMilliseconds: Int64 = 2000
    /// From the request's last byte to the response's first.
    public var firstByteTimeoutMilliseconds: Int64 = 15_000
    /// Without any byte in the middle of a response.
    public var stallTimeoutMilliseconds: Int64 = 15_000
    /// A kept connection is closed after this time without use.
    public var idleTimeoutMilliseconds: Int64 = 20_000
    /// Connections to one server from one loop.
    public var connectionsMax = 64
    /// Kept connections to one server on one loop.
    public var idleConnectionsMax = 16
    /// Requests that wait for a connection to one server on one loop.
    public var waitingMax = 4096

    public init() {}
}
