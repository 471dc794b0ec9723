// SPDX-License-Identifier: Apache-2.0
//
// One loop with one connection for each client. All requests are started before the loop runs, so they are
// under way together. Everything belongs to the calling thread.

import Base
import Glibc
import Net

/// A burst of equal requests.
final class Spike {
    private let loop: EventLoop
    private let pool: UpstreamPool
    private let request: UpstreamRequest
    private let clients: Int
    private var answers: [Answer] = []
    private var open = 0

    /// Throws when the system gives no loop.
    init(server: Endpoint, path: String, clients: Int) throws {
        loop = try EventLoop()
        var limits = UpstreamLimits()
        limits.connectionsMax = clients
        limits.connectTimeoutMilliseconds = 30_000
        limits.firstByteTimeoutMilliseconds = 3_600_000
        limits.stallTimeoutMilliseconds = 3_600_000
        limits.idleConnectionsMax = 0
        limits.queueMilliseconds = 3_600_000
        pool = UpstreamPool(server: UpstreamServer(server), loop: loop, limits: limits)
        guard let request = UpstreamRequest(method: Array("GET".utf8), target: Array(path.utf8)) else {
            throw SystemError("\(path) as a request target", code: EINVAL)
        }
        self.request = request
        self.clients = clients
    }

    /// Runs until every answer is there or the time is over.
    func run(timeoutMilliseconds: Int64) -> SpikeReport {
        let started = Clock.monotonicMicroseconds()
        let deadline = loop.now + timeoutMilliseconds
        open = clients
        for _ in 0..<clients {
            let answer = Answer(startedMicroseconds: started) { [unowned self] in
                open -= 1
                if open == 0 { loop.stop() }
            }
            answers.append(answer)
            _ = pool.start(request, answer)
        }
        loop.onTurn = { [unowned self] in
            if loop.now >= deadline { loop.stop() }
        }
        loop.run()
        return SpikeReport(answers: answers)
    }
}

/// What one client got.
final class Answer: UpstreamHandler {
    private let startedMicroseconds: Int64
    private let done: () -> Void
    private(set) var status = 0
    private(set) var bytes = 0
    private(set) var firstByteMicroseconds: Int64?
    private(set) var lastByteMicroseconds: Int64?
    private(set) var failure: UpstreamFailure?
    /// FNV-1a over the body: tells equal bodies from different ones, against accidents, not against malice.
    private(set) var checksum: UInt64 = 0xCBF2_9CE4_8422_2325

    init(startedMicroseconds: Int64, done: @escaping () -> Void) {
        self.startedMicroseconds = startedMicroseconds
        self.done = done
    }

    override func received(_ response: UpstreamResponse) -> Bool {
        status = response.status
        firstByteMicroseconds = Clock.monotonicMicroseconds() - startedMicroseconds
        return true
    }

    override func received(body: UnsafeRawBufferPointer) -> Bool {
        bytes += body.count
        for byte in body { checksum = (checksum ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return true
    }

    override func ended() {
        lastByteMicroseconds = Clock.monotonicMicroseconds() - startedMicroseconds
        done()
    }

    override func failed(_ failure: UpstreamFailure) {
        self.failure = failure
        done()
    }
}
