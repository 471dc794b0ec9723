// SPDX-License-Identifier: Apache-2.0
//
// One player's connection. Belongs to its crowd and loop; the crowd holds it until its end. It tells the crowd of three
// things: it is open, its request is over, it has something to read. When it is read the crowd decides, so that
// thousands share the thread fairly.
//
// It keeps HTTP/2's first window, 64 KiB, so that this is the most that is under way to it. All players and all nodes of
// a test have one kernel, which gives TCP a tenth of the memory: with thousands of wide windows it is out of that, drops
// segments, and the time that it waits before it sends them again is what would be measured.

import CLinux
import Glibc
import Net

/// What one client got for one request.
struct ClientOutcome {
    var status = 0
    /// From its own asking to the head of the response, decrypted.
    var firstByteMicroseconds: Int64?
    /// To the end of the body.
    var lastByteMicroseconds: Int64?
    /// Every byte was the right one, and none was missing.
    var isRight = false
    /// What came between, if anything.
    var failure: String?
}

/// A client with one HTTP/2 connection over TLS and one request at a time.
final class CrowdClient: EventSource {
    private enum Phase {
        case connecting, handshaking, greeting, open, asking, closed
    }

    private unowned let crowd: Crowd
    private let path: String
    private let authority: String
    private var phase = Phase.connecting
    private var tls: ClientTLS?
    private var reader: ResponseReader
    private var unsent: [UInt8] = []
    private var stream: UInt32 = 0
    /// Read since the server was last let send more.
    private var readSinceUpdate = 0
    private var askedMicroseconds: Int64 = 0
    private var bodyOffset = 0
    private var isBodyRight = true
    private var hasEnded = false
    /// Whether it is in the crowd's queue of those to be read.
    var isQueued = false
    private(set) var outcome = ClientOutcome()

    /// `authority` and `path` are what it asks for. Nil when there is no memory.
    init?(descriptor: Int32, crowd: Crowd, authority: String, path: String) {
        guard let reader = ResponseReader() else { return nil }
        self.reader = reader
        self.crowd = crowd
        self.authority = authority
        self.path = path
        super.init(descriptor: descriptor)
    }

    var isOpen: Bool { phase == .open }
    var isClosed: Bool { phase == .closed }

    /// Sends the request. Only while open.
    func ask(nowMicroseconds: Int64) {
        precondition(phase == .open)
        phase = .asking
        outcome = ClientOutcome()
        (bodyOffset, isBodyRight, hasEnded) = (0, true, false)
        askedMicroseconds = nowMicroseconds
        stream += stream == 0 ? 1 : 2
        send(HTTP2Frames.get(stream: stream, authority: authority, path: path))
    }

    /// Its connection has ended before its request, which fails.
    func miss() {
        outcome = ClientOutcome()
        outcome.failure = "connection closed before the request"
        crowd.isDone(self)
    }

    override func ready(_ events: UInt32) {
        if phase == .connecting {
            guard spw_socket_error(descriptor) == 0 else { return fail("connection refused") }
            guard events & SPW_EPOLLOUT != 0 else { return }
            tls = ClientTLS(context: crowd.tls, descriptor: descriptor)
            phase = .handshaking
        }
        if phase == .handshaking { shakeHands() }
        flush()
        guard phase != .handshaking, phase != .closed else { return }
        // Who still waits for its first byte is read at once: the server's queueing is measured, not this program's.
        if phase != .asking || outcome.firstByteMicroseconds == nil {
            if read() { crowd.queue(self) }
        } else {
            crowd.queue(self)
        }
    }

    /// Reads one record. False when nothing more is there.
    func read() -> Bool {
        guard phase != .closed, let tls else { return false }
        switch tls.read(into: crowd.input) {
        case .count(let count):
            consume(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(crowd.input)[..<count]))
            return phase != .closed
        case .wouldBlock: return false
        case .ended:
            fail("connection closed")
            return false
        }
    }

    /// Ends the connection; a request under way has failed.
    func fail(_ reason: String) {
        guard phase != .closed else { return }
        let wasOpen = phase == .open
        outcome.failure = outcome.failure ?? reason
        phase = .closed
        tls = nil
        crowd.loop.removeAndClose(self)
        if !wasOpen { crowd.isDone(self) }
    }

    private func shakeHands() {
        switch tls?.handshake() {
        case .count:
            phase = .greeting
            send(HTTP2Frames.opening)
        case .wouldBlock: break
        case .ended, nil: fail("handshake failed")
        }
    }

    private func send(_ bytes: [UInt8]) {
        unsent += bytes
        flush()
    }

    private func flush() {
        while !unsent.isEmpty, let tls {
            switch unsent.withUnsafeBytes({ tls.write($0) }) {
            case .count(let count): unsent.removeFirst(count)
            case .wouldBlock: return
            case .ended: return fail("connection closed")
            }
        }
    }

    private func consume(_ bytes: UnsafeRawBufferPointer) {
        var events: [ResponseEvent] = []
        reader.consume(bytes, body: { check($0) }, event: { events.append($0) })
        for event in events where phase != .closed { handle(event) }
        guard readSinceUpdate > HTTP2Frames.windowBytes / 2, phase != .closed else { return }
        send(HTTP2Frames.window(readSinceUpdate, stream: stream))
        readSinceUpdate = 0
    }

    private func check(_ piece: UnsafeRawBufferPointer) {
        readSinceUpdate += piece.count
        let rest = crowd.expected.count - bodyOffset
        let isSame = crowd.expected.withUnsafeBytes { expected in
            guard piece.count <= rest, let right = expected.baseAddress, let got = piece.baseAddress
            else { return false }
            return memcmp(right + bodyOffset, got, piece.count) == 0
        }
        if !isSame { isBodyRight = false }
        bodyOffset += min(piece.count, rest)
    }

    private func handle(_ event: ResponseEvent) {
        switch event {
        case .settings:
            send(HTTP2Frames.frame(.settings, flags: HTTP2Frames.acknowledged, stream: 0, []))
            guard phase == .greeting else { return }
            phase = .open
            crowd.isDone(self)
        case .ping(let payload):
            send(HTTP2Frames.frame(.ping, flags: HTTP2Frames.acknowledged, stream: 0, payload))
        case .status(let status):
            guard phase == .asking else { return }
            outcome.status = status
            outcome.firstByteMicroseconds = crowd.nowMicroseconds - askedMicroseconds
        case .end: end()
        case .refused(let code): fail("HTTP/2 error \(code)")
        case .malformed: fail("malformed HTTP/2")
        }
    }

    private func end() {
        guard phase == .asking else { return }
        outcome.lastByteMicroseconds = crowd.nowMicroseconds - askedMicroseconds
        outcome.isRight = outcome.status == 200 && isBodyRight && bodyOffset == crowd.expected.count
        phase = .open
        crowd.isDone(self)
    }
}
