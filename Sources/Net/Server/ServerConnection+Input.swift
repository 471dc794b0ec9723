// SPDX-License-Identifier: Apache-2.0

import Base
import CLinux
import Glibc

extension ServerConnection {
    private static let readsPerTurn = 4
    private static let lingeredBytesMax = 1 << 20

    /// Reads what the socket has, decrypts it and feeds the HTTP session; stops after a fair share.
    func receive() {
        hasMoreInput = false
        isReceiving = true
        defer { isReceiving = false }
        for _ in 0..<Self.readsPerTurn {
            guard phase == .handshaking || phase == .open else { return linger() }
            let count = spw_read(descriptor, server.input, Server.inputBytes)
            if count == -Int(EAGAIN) { return }
            guard count > 0 else {
                inputEnded(orderly: count == 0)
                return
            }
            lastActivityMilliseconds = server.loop.now
            hasReleasedBuffers = false
            guard accept(count) else {
                failAfterOutput()
                return
            }
            // A short read means that the socket is empty; new bytes raise a new edge. The end does not, once it was announced.
            if count < Server.inputBytes, !peerHasEnded { return }
        }
        hasMoreInput = true
        server.loop.schedule(self)
    }

    /// Reads and drops what comes after our end; closes when the client does, or sends too much.
    private func linger() {
        while phase == .lingering {
            let count = spw_read(descriptor, server.input, Server.inputBytes)
            if count == -Int(EAGAIN) { return }
            lingeredBytes += max(0, count)
            if count <= 0 || lingeredBytes > Self.lingeredBytesMax { close() }
        }
    }

    /// A client that has only closed its own side still gets the answers to what it asked (HTTP/1.1).
    private func inputEnded(orderly: Bool) {
        guard orderly, phase == .open, let http1 else { return close() }
        http1.keepsAlive = false
        // What is not whole is no request.
        if http1.exchange?.collected != nil { return close() }
        if http1.content != nil { http1.dropContent() }
        if http1.isIdle { closeAfterOutput() }
    }

    /// Passes `count` bytes of the shared input on. False when the peer broke the protocol.
    private func accept(_ count: Int) -> Bool {
        guard let tls else { return deliver(server.input, count) }
        tls.openInput(server.input, count: count)
        defer { tls.closeInput() }
        if phase == .handshaking {
            writer.pointee.output.hold(from: server.outputPool)
            switch tls.handshake() {
            case .done: startSession(tls)
            case .needsInput: return true
            case .needsOutput, .closed, .failed:
                server.counters.handshakesFailed.add()
                return false
            }
        }
        return decrypt(tls)
    }

    private func startSession(_ tls: TLSSession) {
        phase = .open
        (tls.isResumed ? server.counters.handshakesResumed : server.counters.handshakesFull).add()
        start(http2: tls.negotiatedHTTP2)
    }

    private func start(http2 isHTTP2: Bool) {
        if isHTTP2 {
            http2 = HTTP2Session(connection: self)
            if server.isDraining { http2?.beginDrain() }
        } else {
            http1 = HTTP1Session(connection: self)
        }
    }

    /// Chooses the protocol of a cleartext connection by its first bytes, and passes them on.
    private func detect(_ view: UnsafeRawBufferPointer) -> Bool {
        guard let verdict = preface?.take(view) else { return false }
        guard verdict != .undecided, let matched = preface?.matched else {
            if prefaceStartedMilliseconds == 0 { prefaceStartedMilliseconds = server.loop.now }
            return true
        }
        preface = nil
        start(http2: verdict == .http2)
        guard matched.isEmpty || receive(matched) else { return false }
        return receive(view)
    }

    /// Has the session keep the content of an exchange that is being handled.
    func collectContent(_ exchange: Exchange) -> ContentCollection {
        if let http2 { return http2.collectContent(exchange) }
        return http1?.collectContent(exchange) ?? .none
    }

    private func receive(_ view: UnsafeRawBufferPointer) -> Bool {
        if let http2 { return http2.receive(view) }
        return http1?.receive(view) ?? false
    }

    private func decrypt(_ tls: TLSSession) -> Bool {
        // Reading may make OpenSSL write (a key update's answer), for which it needs room.
        writer.pointee.output.hold(from: server.outputPool)
        while phase == .open {
            var count = 0
            switch tls.read(into: server.plaintext, count: Server.inputBytes, read: &count) {
            case .done: guard deliver(server.plaintext, count) else { return false }
            case .needsInput: return true
            case .closed:
                // close_notify: nothing more comes that could be lost.
                peerHasEnded = true
                return false
            case .needsOutput, .failed: return false
            }
        }
        return true
    }

    private func deliver(_ bytes: UnsafeMutableRawPointer, _ count: Int) -> Bool {
        let view = UnsafeRawBufferPointer(start: bytes, count: count)
        if let http2 { return http2.receive(view) }
        if let http1 { return http1.receive(view) }
        return detect(view)
    }

    /// The peer's input ends here: what was already answered (an alert, a GOAWAY, an error response) still goes out.
    private func failAfterOutput() {
        guard phase != .closed else { return }
        hasFailedInput = phase == .open
        phase = .closing
    }
}
