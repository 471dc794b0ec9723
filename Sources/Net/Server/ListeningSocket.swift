// SPDX-License-Identifier: Apache-2.0

public import Base
import CLinux

/// A bound and listening socket that no server accepts from yet. Made apart from its server, so that everything that can
/// fail has been done before anything is changed. Whoever makes one hands it to one server, or closes it.
public struct ListeningSocket: Sendable {
    static let backlog: Int32 = 4096

    public let endpoint: Endpoint
    /// The port that the kernel has given; the endpoint's own unless that is 0.
    public let port: UInt16
    let descriptor: Int32

    /// Listens with SO_REUSEPORT: each worker has a socket of its own on the same port, so the kernel spreads connections
    /// and no accept lock exists. An IPv6 socket takes IPv6 alone. Throws `SocketError` when the address is in use by
    /// another process or not ours.
    public init(_ endpoint: Endpoint) throws {
        descriptor = spw_listen_tcp(endpoint.address, endpoint.port, Self.backlog, 1)
        guard descriptor >= 0 else { throw SocketError(operation: "listen on \(endpoint)", code: -descriptor) }
        port = UInt16(clamping: spw_local_port(descriptor))
        self.endpoint = endpoint
    }

    /// Gives the socket up; only while no server has it.
    public func close() {
        _ = spw_close(descriptor)
    }
}

/// What a server is to listen on.
public struct ListenerSettings: Sendable {
    public var endpoint: Endpoint
    /// Nil for cleartext: HTTP/1.1, and HTTP/2 with prior knowledge.
    public var tls: TLSContext?

    public init(endpoint: Endpoint, tls: TLSContext?) {
        self.endpoint = endpoint
        self.tls = tls
    }
}
