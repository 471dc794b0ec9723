// SPDX-License-Identifier: Apache-2.0

public import Base

extension Server {
    /// Listens on `endpoint`, with TLS where a context is given. Port 0 takes a free one; returns the port.
    /// Throws `SocketError` when the address is in use or not ours.
    @discardableResult
    public func listen(_ endpoint: Endpoint, tls: TLSContext?) throws -> UInt16 {
        let socket = try ListeningSocket(endpoint)
        guard open(socket, tls: tls) else {
            socket.close()
            throw SocketError(operation: "epoll_ctl", code: 12)
        }
        return socket.port
    }

    /// Takes other listeners in the place of the present ones; call on the loop's thread. One whose endpoint stays goes
    /// on, with new settings for new connections; one that is not listed stops accepting, and its connections live on.
    /// `sockets` are those of endpoints that are new here; the server owns them from now on. Returns the endpoints that
    /// could not be watched because the kernel was out of memory.
    public func setListeners(_ wanted: [ListenerSettings], opening sockets: [ListeningSocket]) -> [Endpoint] {
        guard !isDraining else {
            for socket in sockets { socket.close() }
            return []
        }
        for listener in listeners {
            if let settings = wanted.first(where: { $0.endpoint == listener.endpoint }) {
                listener.tls = settings.tls
            } else {
                listener.close()
            }
        }
        listeners.removeAll { listener in !wanted.contains { $0.endpoint == listener.endpoint } }
        return sockets.compactMap { socket in
            guard let settings = wanted.first(where: { $0.endpoint == socket.endpoint }),
                open(socket, tls: settings.tls)
            else {
                socket.close()
                return socket.endpoint
            }
            return nil
        }
    }

    private func open(_ socket: ListeningSocket, tls: TLSContext?) -> Bool {
        let listener = Listener(socket: socket, tls: tls, server: self)
        guard loop.add(listener) else { return false }
        listeners.append(listener)
        return true
    }
}
