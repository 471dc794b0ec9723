// SPDX-License-Identifier: Apache-2.0
//
// The way out: the HTTP session emits into the writer, whose output buffer is written with one write(2). Bodies are
// read from their source only while there is room, so a slow client holds one buffer and no more.

import Base
import Glibc

extension ServerConnection {
    private static let batchesPerTurn = 8

    /// Writes what is there and produces more until the socket is full, nothing is left, or the turn's share is used.
    func pump() {
        guard phase != .closed, phase != .lingering, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        for _ in 0..<Self.batchesPerTurn {
            guard flush() else { return }
            if phase == .closing {
                finishClosing()
                return
            }
            guard phase == .open else { break }
            writer.pointee.output.hold(from: server.outputPool)
            let isAlive = produce()
            guard writer.seal() else {
                close()
                return
            }
            if !isAlive { phase = .closing }
            if writer.pointee.output.count == 0, phase == .open {
                writer.pointee.output.release(to: server.outputPool)
                return
            }
        }
        if phase == .handshaking { return }
        server.loop.schedule(self)
    }

    /// False when the socket is full or broken; the pump goes on at the next readiness.
    private func flush() -> Bool {
        let before = writer.pointee.output.count
        let result = writer.pointee.output.flush(to: descriptor)
        sentBytes &+= before - writer.pointee.output.count
        switch result {
        case .drained:
            blockedSinceMilliseconds = 0
            if before > 0 { lastActivityMilliseconds = server.loop.now }
            if phase == .handshaking { writer.pointee.output.release(to: server.outputPool) }
            return true
        case .wouldBlock:
            if writer.pointee.output.count < before || blockedSinceMilliseconds == 0 {
                blockedSinceMilliseconds = server.loop.now
                lastActivityMilliseconds = server.loop.now
            }
            if server.outputPool.bytesOut > server.limits.outputBytesMax {
                // Slow readers hold more than all of them may: this one is the newest to be found.
                server.counters.outputRefused.add()
                close()
            }
            return false
        case .failed:
            close()
            return false
        }
    }

    /// False when the session is over.
    @inline(__always)
    private func produce() -> Bool {
        if let http2 { return http2.produce() }
        return http1?.produce() ?? (preface != nil)
    }

    private func finishClosing() {
        if let tls {
            writer.pointee.output.hold(from: server.outputPool)
            tls.shutdown()
            // One attempt: close_notify is a courtesy that must not keep the connection.
            _ = writer.pointee.output.flush(to: descriptor)
        }
        // Closing a socket with unread input resets the connection, and a reset discards what the client has not read yet.
        guard hasFailedInput || http1?.mayLoseInput == true, !peerHasEnded,
            Glibc.shutdown(descriptor, Int32(SHUT_WR)) == 0
        else { return close() }
        writer.pointee.output.release(to: server.outputPool)
        phase = .lingering
        lingerStartedMilliseconds = server.loop.now
        hasMoreInput = true
        server.loop.schedule(self)
    }

    func send(_ exchange: Exchange, _ builder: ResponseBuilder) {
        if let http2 {
            http2.submit(exchange, builder)
        } else {
            http1?.start(exchange, builder)
        }
        if !isReceiving { server.loop.schedule(self) }
    }

    /// Only where there is room for the response behind it: a client that does not read gets no more than that.
    func sendInterim(_ exchange: Exchange, status: Int, _ fields: FieldBlock) {
        writer.pointee.output.hold(from: server.outputPool)
        guard writer.pointee.output.free >= RecordWriter.roomBytes + 2 * Exchange.interimBytesMax else { return }
        if let http2 {
            http2.submitInterim(exchange, status: status, fields)
        } else {
            server.builder.begin(status: status, isHTTP2: false)
            server.builder.add(fields)
            http1?.sendInterim(server.builder)
        }
        if !isReceiving { server.loop.schedule(self) }
    }

    func resume(_ exchange: Exchange) {
        http2?.resume(exchange)
        server.loop.schedule(self)
    }
}
