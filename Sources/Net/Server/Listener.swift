// SPDX-License-Identifier: Apache-2.0

import Base
import CLinux
import Glibc

/// A listening socket of one loop. Every worker has its own on the same port (SO_REUSEPORT), so the kernel
/// spreads connections and no accept lock exists.
final class Listener: EventSource {
    private static let acceptsPerTurn = 64

    let endpoint: Endpoint
    /// Of the connections to come.
    var tls: TLSContext?
    private unowned let server: Server
    /// Descriptors or memory ran out: try again at the next tick instead of spinning.
    private var isPaused = false
    private var isClosed = false

    /// Owns the socket once the loop has accepted the listener.
    init(socket: ListeningSocket, tls: TLSContext?, server: Server) {
        endpoint = socket.endpoint
        self.tls = tls
        self.server = server
        super.init(descriptor: socket.descriptor)
    }

    override func ready(_ events: UInt32) { acceptShare() }
    override func runAgain() { acceptShare() }

    override func tick(now: Int64) {
        if isPaused { acceptShare() }
    }

    /// Stops for good. The kernel would reset what it has already connected for us: that is accepted first.
    func close() {
        var sharesLeft = Int(ListeningSocket.backlog) / Self.acceptsPerTurn
        while sharesLeft > 0, acceptSome() { sharesLeft -= 1 }
        // The loop may have it in its list to run again, and the descriptor may soon be another's.
        isClosed = true
        server.loop.removeAndClose(self)
    }

    private func acceptShare() {
        guard !isClosed, acceptSome() else { return }
        server.loop.schedule(self)
    }

    /// Accepts what one turn may take. True when there may be more.
    private func acceptSome() -> Bool {
        isPaused = false
        for _ in 0..<Self.acceptsPerTurn {
            var peer = sockaddr_storage()
            let accepted = spw_accept(descriptor, &peer)
            if accepted >= 0 {
                open(accepted, peer)
                continue
            }
            switch -accepted {
            case EAGAIN: return false
            // Errors of the connection that would have been accepted, which Linux reports here (accept(2)).
            case ECONNABORTED, EINTR, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP,
                ENETUNREACH:
                continue
            default:
                server.counters.acceptPauses.add()
                isPaused = true
                return false
            }
        }
        return true
    }

    private func open(_ accepted: Int32, _ peer: borrowing sockaddr_storage) {
        guard server.counters.connectionsOpen.value < server.limits.connectionsMax else {
            return refuse(accepted, server.counters.connectionsRefused)
        }
        var entry: AddressTable.Entry?
        if let table = server.addresses, let address = ClientAddress(peer) { entry = .init(table, address) }
        if let entry, !entry.enter() { return refuse(accepted, server.counters.connectionsRefusedByAddress) }
        guard
            let connection = ServerConnection(descriptor: accepted, tls: tls, address: entry, server: server),
            server.loop.add(connection)
        else {
            entry?.leave()
            return refuse(accepted, server.counters.connectionsRefused)
        }
        _ = spw_set_nodelay(accepted)
        _ = spw_set_unsent_limit(accepted, Int32(clamping: server.limits.unsentBytesMax))
        server.counters.connectionsAccepted.add()
        server.counters.connectionsOpen.add()
    }

    private func refuse(_ accepted: Int32, _ counter: Counter) {
        counter.add()
        _ = spw_close(accepted)
    }
}
