// SPDX-License-Identifier: Apache-2.0
//
// The way out: the HTTP session emits plaintext, which is gathered into full TLS records, which are gathered
// in the output buffer, which is written with one write(2). Bodies are read from their source only while
// there is room, so a slow client holds one buffer and no more.

import Base

extension ServerConnection {
    /// A full staging record, another one made of what is about to be emitted, and TLS overhead for both.
    private static let roomBytes = 2 * (Server.recordBytes + 256) + 4096
    private static let batchesPerTurn = 8

    /// True when one more piece of at most a record's size can be emitted.
    @inline(__always)
    var canEmit: Bool { output.pointee.free >= Self.roomBytes }

    /// Adds at most `Server.recordBytes + 9` bytes to the output; only while `canEmit`. False when TLS failed.
    @inline(__always)
    func emit(_ bytes: UnsafeRawPointer, count: Int) -> Bool {
        guard tls != nil else { return output.pointee.append(bytes, count: count) }
        var source = bytes
        var rest = count
        while rest > 0 {
            let piece = min(rest, Server.recordBytes - server.stagingCount)
            (server.staging + server.stagingCount).copyMemory(from: source, byteCount: piece)
            server.stagingCount += piece
            source += piece
            rest -= piece
            if server.stagingCount == Server.recordBytes, !seal() { return false }
        }
        return true
    }

    /// Encrypts what is staged as one record.
    @inline(__always)
    func seal() -> Bool {
        guard server.stagingCount > 0, let tls else { return true }
        let count = server.stagingCount
        server.stagingCount = 0
        return tls.write(server.staging, count: count) == .done
    }

    /// Writes what is there and produces more until the socket is full, nothing is left, or the turn's share is used.
    func pump() {
        guard phase != .closed, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        for _ in 0..<Self.batchesPerTurn {
            guard flush() else { return }
            if phase == .closing {
                finishClosing()
                return
            }
            guard phase == .open else { break }
            output.pointee.hold(from: server.outputPool)
            let isAlive = produce()
            guard seal() else {
                close()
                return
            }
            if !isAlive { phase = .closing }
            if output.pointee.count == 0, phase == .open {
                output.pointee.release(to: server.outputPool)
                return
            }
        }
        if phase == .handshaking { return }
        server.loop.schedule(self)
    }

    /// False when the socket is full or broken; the pump goes on at the next readiness.
    private func flush() -> Bool {
        let before = output.pointee.count
        switch output.pointee.flush(to: descriptor) {
        case .drained:
            blockedSinceMilliseconds = 0
            if before > 0 { lastActivityMilliseconds = server.loop.now }
            if phase == .handshaking { output.pointee.release(to: server.outputPool) }
            return true
        case .wouldBlock:
            if output.pointee.count < before || blockedSinceMilliseconds == 0 {
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
        return http1?.produce() ?? false
    }

    private func finishClosing() {
        if let tls {
            output.pointee.hold(from: server.outputPool)
            tls.shutdown()
            // One attempt: close_notify is a courtesy that must not keep the connection.
            _ = output.pointee.flush(to: descriptor)
        }
        close()
    }

    func send(_ exchange: Exchange, _ builder: ResponseBuilder) {
        if let http2 {
            http2.submit(exchange, builder)
        } else {
            http1?.start(exchange, builder)
        }
        if !isReceiving { server.loop.schedule(self) }
    }

    func resume(_ exchange: Exchange) {
        http2?.resume(exchange)
        server.loop.schedule(self)
    }
}
