// SPDX-License-Identifier: Apache-2.0

import Base
import Testing

@testable import Net

/// What one request has got.
final class Receiver: UpstreamHandler {
    /// Statuses and links of interim responses.
    private(set) var interims: [String] = []
    private(set) var status = 0
    private(set) var contentLength: Int?
    private(set) var body = ""
    private(set) var failure: UpstreamFailure?
    private(set) var isOver = false
    private let onEnd: (Receiver) -> Void

    init(onEnd: @escaping (Receiver) -> Void) {
        self.onEnd = onEnd
    }

    override func received(interim response: UpstreamResponse) {
        interims.append("\(response.status) \(String(decoding: response.first("link") ?? [], as: UTF8.self))")
    }

    override func received(_ response: UpstreamResponse) -> Bool {
        status = response.status
        contentLength = response.contentLength
        return true
    }

    override func received(body: UnsafeRawBufferPointer) -> Bool {
        self.body += String(decoding: body, as: UTF8.self)
        return true
    }

    override func ended() { end() }

    override func failed(_ failure: UpstreamFailure) {
        self.failure = failure
        end()
    }

    private func end() {
        isOver = true
        onEnd(self)
    }
}

/// A loop of the test's own thread, with what was started on it.
final class Client {
    let loop: EventLoop
    /// Kept to the end: connections that lie idle in the loop refer to them.
    private var pools: [UpstreamPool] = []
    private var receivers: [Receiver] = []
    /// In the order of their ends.
    private(set) var ended: [Receiver] = []

    init() throws {
        loop = try EventLoop()
    }

    func pool(
        _ port: UInt16, gate: FetchGate? = nil, _ change: (inout UpstreamLimits) -> Void = { _ in }
    ) -> UpstreamPool {
        var limits = UpstreamLimits()
        change(&limits)
        let pool = UpstreamPool(
            server: UpstreamServer(Endpoint(address: "127.0.0.1", port: port)), loop: loop, limits: limits, gate: gate)
        pools.append(pool)
        return pool
    }

    func start(
        _ pool: UpstreamPool, _ method: String, _ target: String, content: String = "", fairness: UInt64 = 0
    ) throws -> (Receiver, UpstreamTicket) {
        let request = try #require(
            UpstreamRequest(method: Array(method.utf8), target: Array(target.utf8), content: Array(content.utf8)))
        let receiver = Receiver { [unowned self] in ended.append($0) }
        receivers.append(receiver)
        return (receiver, pool.start(request, fairness: fairness, receiver))
    }

    /// Runs until so many have ended, or for a minute.
    func run(until count: Int) {
        let deadline = loop.now + 60_000
        loop.onTurn = { [unowned self] in
            if ended.count >= count || loop.now >= deadline { loop.stop() }
        }
        loop.run()
    }
}

@Suite(.serialized) struct UpstreamPoolTests {
    @Test func headHasNoBodyAndTheConnectionIsKept() throws {
        let server = try RunningServer()
        let client = try Client()
        let pool = client.pool(server.port) { $0.connectionsMax = 1 }
        let (head, _) = try client.start(pool, "HEAD", "/large")
        let (get, _) = try client.start(pool, "GET", "/a")
        client.run(until: 2)
        #expect((head.status, head.contentLength, head.body) == (200, 1 << 20, ""))
        #expect((get.status, get.body) == (200, "GET"))
        #expect(server.counters.connectionsAccepted.value == 1)
    }

    @Test(arguments: [5, 900]) func contentIsSent(count: Int) throws {
        let server = try RunningServer(handler: CollectingHandler())
        let client = try Client()
        let content = String(repeating: "a", count: count)
        let (receiver, _) = try client.start(client.pool(server.port), "PUT", "/a", content: content)
        client.run(until: 1)
        #expect(receiver.body == "\(count) \(97 * count)")
    }

    /// An answer that comes before a long request is out is taken, and the connection is not used again.
    @Test func anEarlyAnswerIsTaken() throws {
        var limits = ServerLimits()
        limits.lingerTimeoutMilliseconds = 200
        let server = try RunningServer(limits: limits, handler: CollectingHandler())
        let client = try Client()
        let pool = client.pool(server.port)
        let content = String(repeating: "a", count: 8_000_000)
        let (receiver, _) = try client.start(pool, "PUT", "/a", content: content)
        client.run(until: 1)
        #expect(receiver.status == 413)
        #expect(pool.isEmpty)
    }

    @Test func whoFindsNoRoomIsRefusedAfterStartHasReturned() throws {
        let server = try RunningServer()
        let client = try Client()
        let pool = client.pool(server.port) {
            $0.connectionsMax = 1
            $0.waitingMax = 0
        }
        let (first, _) = try client.start(pool, "GET", "/a")
        let (second, _) = try client.start(pool, "GET", "/a")
        #expect(!second.isOver)
        client.run(until: 2)
        #expect(first.status == 200 && second.failure == .overloaded)
    }

    @Test func whoIsGivenUpWhileWaitingLeavesItsPlace() throws {
        let server = try RunningServer()
        let client = try Client()
        let gate = FetchGate(loop: client.loop, limits: UpstreamLimits())
        let pool = client.pool(server.port, gate: gate) { $0.connectionsMax = 1 }
        let started = try (0..<4).map { _ in try client.start(pool, "GET", "/a") }
        pool.cancel(started[1].1)
        pool.cancel(started[0].1)
        client.run(until: 2)
        #expect(started.map(\.0.isOver) == [false, false, true, true])
        #expect(gate.runningCount == 0 && gate.waitingCount == 0)
    }

    @Test func theGateLimitsTheFetchesOfAllPools() throws {
        let server = try RunningServer()
        let other = try RunningServer()
        let client = try Client()
        var limits = UpstreamLimits()
        limits.fetchesMax = 1
        let gate = FetchGate(loop: client.loop, limits: limits)
        let pools = [client.pool(server.port, gate: gate), client.pool(other.port, gate: gate)]
        let started = try (0..<10).map { try client.start(pools[$0 % 2], "GET", "/a").0 }
        #expect(gate.runningCount == 1 && gate.waitingCount == 9)
        client.run(until: 10)
        #expect(started.allSatisfy { $0.status == 200 })
        #expect(gate.runningCount == 0)
        #expect(server.counters.connectionsAccepted.value == 1)
    }

    /// A thousand wait for a server that refuses: each gets its failure, one after the other.
    @Test func aServerThatRefusesFailsAllWhoWait() throws {
        let client = try Client()
        let listener = try ListeningSocket(Endpoint(address: "127.0.0.1", port: 0))
        listener.close()
        let pool = client.pool(listener.port) { $0.connectionsMax = 2 }
        let started = try (0..<1000).map { _ in try client.start(pool, "GET", "/a").0 }
        client.run(until: 1000)
        #expect(started.allSatisfy { $0.failure == .connectFailed })
        #expect(pool.isEmpty)
    }

    @Test func whoWaitsTooLongIsRefused() throws {
        let server = try RunningServer()
        let client = try Client()
        let pool = client.pool(server.port) {
            $0.connectionsMax = 1
            $0.queueMilliseconds = 0
        }
        let (first, _) = try client.start(pool, "GET", "/a")
        let (second, _) = try client.start(pool, "GET", "/a")
        pool.turn()
        client.run(until: 2)
        #expect(first.status == 200 && second.failure == .overloaded)
    }
}
