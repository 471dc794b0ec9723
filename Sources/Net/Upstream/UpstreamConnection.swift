// SPDX-License-Identifier: Apache-2.0
//
// One HTTP/1.1 connection to an upstream server, plain or in TLS. Belongs to its pool and loop. Between requests it lies
// in the pool's idle list; during one it holds the request's handler. It ends by `finish`, which tells the pool.
//
// Edge-triggered: whatever the socket or OpenSSL still holds is asked for until it would block, or later in `runAgain`.

import CLinux
import Glibc

/// The client's side of one connection.
final class UpstreamConnection: EventSource {
    private enum Phase {
        case connecting, handshaking, idle, sending, head, body, closed
    }

    private enum Framing {
        case length(remaining: Int)
        case chunked(ChunkedDecoder)
        case untilClose
    }

    private static let interimResponsesMax = 8

    private unowned let pool: UpstreamPool
    private var phase = Phase.connecting
    private var tls: TLSClientSession?
    private var handler: UpstreamHandler?
    private var request: [UInt8] = []
    private var requestSent = 0
    private var isHead = false
    private var headBytes: [UInt8] = []
    private var framing = Framing.untilClose
    private var keepsAlive = false
    private var requestsServed = 0
    private var interimResponses = 0
    /// The handler takes no more for now; what comes waits in the socket.
    private var isPaused = false
    /// Since when the present phase has made no progress.
    private var sinceMilliseconds: Int64

    init(descriptor: Int32, pool: UpstreamPool) {
        self.pool = pool
        sinceMilliseconds = pool.loop.now
        super.init(descriptor: descriptor)
    }

    /// Sends the bytes of a request; the response goes to `handler`. Only while connecting for the first time, or idle.
    func start(_ request: [UInt8], isHead: Bool, _ handler: UpstreamHandler) {
        precondition(self.handler == nil)
        self.handler = handler
        self.request = request
        self.isHead = isHead
        requestSent = 0
        headBytes.removeAll(keepingCapacity: true)
        interimResponses = 0
        if phase == .idle {
            phase = .sending
            sinceMilliseconds = pool.loop.now
            // Not at once: a failure must not reach the handler before the caller has its ticket.
            pool.loop.schedule(self)
        }
    }

    override func ready(_ events: UInt32) {
        if phase == .connecting {
            let error = spw_socket_error(descriptor)
            if error != 0 { return fail(.connectFailed) }
            guard events & SPW_EPOLLOUT != 0 else { return }
            connected()
        }
        if phase == .handshaking { handshake() }
        if phase == .sending { sendRequest() }
        if events & (SPW_EPOLLIN | SPW_EPOLLRDHUP | SPW_EPOLLHUP | SPW_EPOLLERR) != 0 { readAvailable() }
    }

    override func runAgain() {
        // A kept connection may have been closed meanwhile: better to know before the request is on its way.
        if phase == .sending, requestSent == 0 { readAvailable() }
        if phase == .sending { sendRequest() }
        readAvailable()
    }

    override func tick(now: Int64) {
        let waited = now - sinceMilliseconds
        let limits = pool.limits
        switch phase {
        case .connecting where waited > limits.connectTimeoutMilliseconds,
            .handshaking where waited > limits.connectTimeoutMilliseconds:
            fail(.connectTimeout)
        case .sending where waited > limits.firstByteTimeoutMilliseconds,
            .head where waited > limits.firstByteTimeoutMilliseconds:
            fail(.firstByteTimeout)
        case .body where !isPaused && waited > limits.stallTimeoutMilliseconds: fail(.stallTimeout)
        case .idle where waited > limits.idleTimeoutMilliseconds: finish(reusable: false)
        default: break
        }
    }

    /// The socket stands; TLS, where there is one, has its share of the same time limit.
    private func connected() {
        guard let context = pool.tls else { return beginSending() }
        phase = .handshaking
        tls = TLSClientSession(
            context: context, descriptor: descriptor, name: pool.tlsName, resuming: pool.resumption)
        if tls == nil { fail(.tls("no memory")) }
    }

    private func handshake() {
        switch tls?.handshake() {
        case .done: beginSending()
        case .wouldBlock: break
        case .failed(let reason): fail(.tls(reason))
        case nil: break
        }
    }

    private func beginSending() {
        phase = .sending
        sinceMilliseconds = pool.loop.now
    }

    private func sendRequest() {
        while requestSent < request.count {
            let written = request.withUnsafeBytes { bytes in write(bytes.slice(requestSent..<bytes.count)) }
            if written == -Int(EAGAIN) { return }
            // The server may have answered before it closed: what it has said is read all the same.
            guard written >= 0 else { break }
            requestSent += written
            // A long request that makes progress is not late.
            sinceMilliseconds = pool.loop.now
        }
        phase = .head
        sinceMilliseconds = pool.loop.now
        guard requestSent < request.count else { return }
        readAvailable()
        // It has said nothing, and never will.
        if phase == .head, headBytes.isEmpty { fail(staleness) }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let start = bytes.baseAddress else { return 0 }
        return tls?.write(start, count: bytes.count) ?? spw_write(descriptor, start, bytes.count)
    }

    private func read() -> Int {
        tls?.read(into: pool.input, count: UpstreamPool.inputBytes)
            ?? spw_read(descriptor, pool.input, UpstreamPool.inputBytes)
    }

    private func readAvailable() {
        // A fair share of reads; more comes at the end of the loop's turn.
        for _ in 0..<8 {
            guard phase != .closed, phase != .connecting, phase != .handshaking, !isPaused else { return }
            let count = read()
            if count == -Int(EAGAIN) { return }
            guard count > 0 else { return inputEnded(orderly: count == 0) }
            // An answer to a request that is not out yet, such as 413: the rest is not sent.
            if phase == .sending, requestSent > 0 { phase = .head }
            // A head has one time limit from the request on, however slowly it comes.
            if phase == .body { sinceMilliseconds = pool.loop.now }
            guard phase == .head || phase == .body else {
                // Bytes that nobody asked for: the connection can not be trusted.
                return phase == .sending ? fail(staleness) : fail(.malformed)
            }
            take(UnsafeRawBufferPointer(start: pool.input, count: count))
        }
        if phase != .closed { pool.loop.schedule(self) }
    }

    /// The connection broke before a byte of a response.
    private var staleness: UpstreamFailure { .closedBeforeResponse(reused: requestsServed > 0, sent: requestSent > 0) }

    /// Stops reading the body. What has been read already is still delivered.
    func pause() { isPaused = true }

    /// Reads on.
    func resume() {
        guard isPaused, phase != .closed else { return }
        isPaused = false
        sinceMilliseconds = pool.loop.now
        pool.loop.schedule(self)
    }

    /// A reset is no end: a body that was to end with the connection is not whole then.
    private func inputEnded(orderly: Bool) {
        switch phase {
        case .head, .sending: fail(headBytes.isEmpty ? staleness : .malformed)
        case .body:
            if orderly, case .untilClose = framing { complete() } else { fail(.closedInBody) }
        case .idle, .connecting, .handshaking, .closed: finish(reusable: false)
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        if phase == .body { return takeBody(bytes) }
        var searched = headBytes.count
        headBytes.append(contentsOf: bytes)
        while true {
            let extent = headBytes.withUnsafeBytes { HeadLines.extent(in: $0, from: searched) }
            guard case .whole(let length) = extent else {
                if extent == .malformed || headBytes.count > UpstreamResponse.headBytesMax { fail(.malformed) }
                return
            }
            guard length <= UpstreamResponse.headBytesMax,
                let response = headBytes.withUnsafeBytes({ UpstreamResponse.parse($0.slice(0..<length)) })
            else { return fail(.malformed) }
            guard response.status < 200 else { return begin(response, rest: Array(headBytes[length...])) }
            // Interim responses (RFC 9110 section 15.2): a few of them.
            interimResponses += 1
            guard response.status != 101, interimResponses <= Self.interimResponsesMax else { return fail(.malformed) }
            if response.status != 100 { handler?.received(interim: response) }
            headBytes.removeFirst(length)
            searched = 0
        }
    }

    private func begin(_ response: UpstreamResponse, rest: [UInt8]) {
        headBytes.removeAll(keepingCapacity: true)
        beginBody(response)
        guard phase == .body else { return }
        rest.withUnsafeBytes { takeBody($0) }
    }

    private func beginBody(_ response: UpstreamResponse) {
        // What is left of the request would be read as the next one.
        keepsAlive = response.keepsAlive && requestSent == request.count
        phase = .body
        sinceMilliseconds = pool.loop.now
        if isHead || response.status == 204 || response.status == 304 {
            // RFC 9112 section 6.3: whatever its fields say.
            framing = .length(remaining: 0)
        } else if response.isChunked {
            framing = .chunked(ChunkedDecoder())
        } else if let length = response.contentLength {
            framing = .length(remaining: length)
        } else {
            framing = .untilClose
            keepsAlive = false
        }
        guard handler?.received(response) == true else { return finish(reusable: false) }
    }

    private func takeBody(_ bytes: UnsafeRawBufferPointer) {
        switch framing {
        case .length(let remaining):
            let count = min(remaining, bytes.count)
            framing = .length(remaining: remaining - count)
            guard deliver(bytes.slice(0..<count)) else { return }
            // Bytes after the end belong to no request of ours.
            if count < bytes.count { keepsAlive = false }
            if count == remaining { complete() }
        case .chunked(var decoder):
            var position = 0
            while true {
                let step = decoder.next(bytes, at: &position)
                framing = .chunked(decoder)
                switch step {
                case .body(let range): guard deliver(bytes.slice(range)) else { return }
                case .needsInput: return
                case .end(let used):
                    if used < bytes.count { keepsAlive = false }
                    return complete()
                case .malformed: return fail(.malformed)
                }
            }
        case .untilClose: _ = deliver(bytes)
        }
    }

    private func deliver(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !bytes.isEmpty else { return true }
        guard handler?.received(body: bytes) == true else {
            finish(reusable: false)
            return false
        }
        return true
    }

    private func complete() {
        let handler = handler
        requestsServed += 1
        if requestsServed == 1 { tls?.remember(in: pool.resumption) }
        finish(reusable: keepsAlive)
        handler?.ended()
    }

    private func fail(_ failure: UpstreamFailure) {
        let handler = handler
        finish(reusable: false)
        handler?.failed(failure)
    }

    /// Gives the request up without a call to its handler.
    func cancel() { finish(reusable: false) }

    private func finish(reusable: Bool) {
        guard phase != .closed else { return }
        handler = nil
        isPaused = false
        request = []
        if reusable {
            phase = .idle
            sinceMilliseconds = pool.loop.now
            pool.becameIdle(self)
        } else {
            phase = .closed
            tls?.shutdown()
            tls = nil
            pool.closed(self)
            pool.loop.removeAndClose(self)
        }
    }
}
