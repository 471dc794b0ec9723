// SPDX-License-Identifier: Apache-2.0
//
// One HTTP/1.1 connection to an upstream server. Belongs to its pool and loop. Between requests it lies in
// the pool's idle list; during one it holds the request's handler. It ends by `finish`, which tells the pool.

import CLinux
import Glibc

/// The client's side of one connection.
final class UpstreamConnection: EventSource {
    private enum Phase {
        case connecting, idle, sending, head, body, closed
    }

    private enum Framing {
        case length(remaining: Int)
        case chunked(ChunkedDecoder)
        case untilClose
    }

    private static let interimResponsesMax = 8

    private unowned let pool: UpstreamPool
    private var phase = Phase.connecting
    private var handler: UpstreamHandler?
    private var request: [UInt8] = []
    private var requestSent = 0
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

    /// Sends `request`; the response goes to `handler`. Only while connecting for the first time, or idle.
    func start(_ request: [UInt8], _ handler: UpstreamHandler) {
        precondition(self.handler == nil)
        self.handler = handler
        self.request = request
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
            phase = .sending
            sinceMilliseconds = pool.loop.now
        }
        if phase == .sending { sendRequest() }
        if events & (SPW_EPOLLIN | SPW_EPOLLRDHUP | SPW_EPOLLHUP | SPW_EPOLLERR) != 0 { readAvailable() }
    }

    override func runAgain() {
        if phase == .sending { sendRequest() }
        readAvailable()
    }

    override func tick(now: Int64) {
        let waited = now - sinceMilliseconds
        let limits = pool.limits
        switch phase {
        case .connecting where waited > limits.connectTimeoutMilliseconds: fail(.connectTimeout)
        case .sending where waited > limits.firstByteTimeoutMilliseconds,
            .head where waited > limits.firstByteTimeoutMilliseconds:
            fail(.firstByteTimeout)
        case .body where !isPaused && waited > limits.stallTimeoutMilliseconds: fail(.stallTimeout)
        case .idle where waited > limits.idleTimeoutMilliseconds: finish(reusable: false)
        default: break
        }
    }

    private func sendRequest() {
        while requestSent < request.count {
            let written = request.withUnsafeBytes { bytes in
                spw_write(descriptor, bytes.baseAddress.map { $0 + requestSent }, bytes.count - requestSent)
            }
            if written == -Int(EAGAIN) { return }
            guard written >= 0 else { return fail(.closedBeforeResponse(reused: requestsServed > 0)) }
            requestSent += written
        }
        phase = .head
        sinceMilliseconds = pool.loop.now
    }

    private func readAvailable() {
        // A fair share of reads; more comes at the end of the loop's turn.
        for _ in 0..<8 {
            guard phase != .closed, phase != .connecting, !isPaused else { return }
            let count = spw_read(descriptor, pool.input, UpstreamPool.inputBytes)
            if count == -Int(EAGAIN) { return }
            guard count > 0 else { return inputEnded(orderly: count == 0) }
            // A head has one time limit from the request on, however slowly it comes.
            if phase == .body { sinceMilliseconds = pool.loop.now }
            guard phase == .head || phase == .body else {
                // Bytes that nobody asked for: the connection can not be trusted.
                return fail(.malformed)
            }
            take(UnsafeRawBufferPointer(start: pool.input, count: count))
        }
        if phase != .closed { pool.loop.schedule(self) }
    }

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
        case .head, .sending:
            let isSilent = headBytes.isEmpty
            fail(isSilent ? .closedBeforeResponse(reused: requestsServed > 0) : .malformed)
        case .body:
            if orderly, case .untilClose = framing { complete() } else { fail(.closedInBody) }
        case .idle, .connecting, .closed: finish(reusable: false)
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
            // Interim responses (RFC 9110 section 15.2) are read and dropped, a few of them.
            interimResponses += 1
            guard response.status != 101, interimResponses <= Self.interimResponsesMax else { return fail(.malformed) }
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
        keepsAlive = response.keepsAlive
        phase = .body
        sinceMilliseconds = pool.loop.now
        if response.status == 204 || response.status == 304 {
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
            pool.closed(self)
            pool.loop.removeAndClose(self)
        }
    }
}
