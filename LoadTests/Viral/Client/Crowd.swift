// SPDX-License-Identifier: Apache-2.0
//
// Thousands of clients on one loop. Everything belongs to the thread that calls `run`. Clients with something to read stand
// in a queue of the crowd's own; a turn of the loop reads a few of them and lets the loop find new events, so that a first
// byte that has come is seen within milliseconds, however many bodies are under way.

import Base
import CLinux
import Net

/// What came of one round of requests.
struct CrowdRound {
    let outcomes: [ClientOutcome]
    /// From the first request to the last one.
    let askedMicroseconds: Int64
    /// From the first request to the last answer.
    let microseconds: Int64
}

/// Clients that open their connections, and then ask for one object all together.
final class Crowd {
    /// Handshakes under way at once: what a server's backlog takes.
    private static let openingMax = 256
    /// Clients that are read in one turn of the loop, and records of each of them.
    private static let readsPerTurn = 64
    private static let recordsPerRead = 4
    private static let recordBytes = 16_384

    let loop: EventLoop
    let tls: ClientTLSContext
    /// The right body.
    let expected: [UInt8]
    /// Where a record is decrypted to; used by one client at a time.
    let input = UnsafeMutableRawBufferPointer.allocate(byteCount: recordBytes, alignment: 64)
    private let plans: [(port: Int, path: String)]
    private let spreadMicroseconds: Int64
    private var clients: [CrowdClient] = []
    private var queued: [CrowdClient] = []
    private var phase = Phase.opening
    private var pending = 0
    private var asked = 0
    private var startedMicroseconds: Int64 = 0
    private var askedMicroseconds: Int64 = 0
    private var phaseEnded: () -> Void = {}
    private var failure: (any Error)?
    private lazy var pump = CrowdPump { [unowned self] in turn() }

    private enum Phase { case opening, asking, over }

    /// `plans`: where each client connects to on 127.0.0.1, and what it asks for. The requests are spread evenly over
    /// `spreadMilliseconds`. Throws when the system gives no loop.
    init(
        plans: [(port: Int, path: String)], expected: [UInt8], tls: ClientTLSContext, spreadMilliseconds: Int
    ) throws {
        loop = try EventLoop()
        self.plans = plans
        self.expected = expected
        self.tls = tls
        spreadMicroseconds = Int64(spreadMilliseconds) * 1000
    }

    deinit {
        input.deallocate()
    }

    var nowMicroseconds: Int64 { Clock.monotonicMicroseconds() }

    /// Opens all connections, calls `opened` with the microseconds that took, asks once over each, and closes them.
    /// Neither opening nor asking takes longer than `timeoutMilliseconds`. Once in the crowd's life. Throws when a
    /// connection can not be opened.
    func run(timeoutMilliseconds: Int64, opened: @escaping (Int64) throws -> Void) throws -> CrowdRound {
        var round: CrowdRound?
        phaseEnded = { [unowned self] in
            do {
                if phase == .opening {
                    try finishOpening(opened)
                    return ask()
                }
                round = takeRound()
            } catch {
                failure = error
            }
            phase = .over
            loop.stop()
        }
        start(timeoutMilliseconds)
        phaseEnded = {}
        for client in clients { client.fail("over") }
        queued.removeAll()
        if let failure { throw failure }
        guard let round else { throw BenchError("the crowd ended early") }
        return round
    }

    /// A client has opened its connection, or its request is over.
    func isDone(_ client: CrowdClient) {
        pending -= 1
        if pending == 0 { loop.schedule(pump) }
    }

    /// `client` may have something to read.
    func queue(_ client: CrowdClient) {
        guard !client.isQueued, !client.isClosed else { return }
        client.isQueued = true
        queued.append(client)
        loop.schedule(pump)
    }

    private func start(_ timeoutMilliseconds: Int64) {
        pending = plans.count
        startedMicroseconds = nowMicroseconds
        loop.onTurn = { [unowned self] in
            guard nowMicroseconds - startedMicroseconds > timeoutMilliseconds * 1000 else { return }
            for client in clients where !client.isOpen { client.fail("not done in time") }
        }
        loop.schedule(pump)
        loop.run()
    }

    private func turn() {
        switch phase {
        case .opening: open()
        case .asking: askDue()
        case .over: return
        }
        readSome()
        if pending == 0 {
            phaseEnded()
        } else if isBehind || !queued.isEmpty {
            loop.schedule(pump)
        }
    }

    /// Whether there is something left to start.
    private var isBehind: Bool { phase == .opening ? clients.count < plans.count : asked < clients.count }

    private func open() {
        while clients.count < plans.count, clients.count - (plans.count - pending) < Self.openingMax {
            let plan = plans[clients.count]
            let descriptor = spw_connect_tcp("127.0.0.1", UInt16(clamping: plan.port))
            guard descriptor >= 0,
                let client = CrowdClient(
                    descriptor: descriptor, crowd: self, authority: "localhost:\(plan.port)", path: plan.path),
                loop.add(client)
            else {
                failure = BenchError("the system gives no more than \(clients.count) connections")
                return loop.stop()
            }
            clients.append(client)
        }
    }

    private func finishOpening(_ opened: (Int64) throws -> Void) throws {
        if let failed = clients.first(where: { !$0.isOpen }) {
            let count = clients.count { !$0.isOpen }
            throw BenchError("\(count) connections could not be opened: \(failed.outcome.failure ?? "")")
        }
        try opened(nowMicroseconds - startedMicroseconds)
    }

    private func ask() {
        phase = .asking
        asked = 0
        pending = clients.count
        startedMicroseconds = nowMicroseconds
        loop.schedule(pump)
    }

    private func askDue() {
        guard asked < clients.count else { return }
        let now = nowMicroseconds
        let share = spreadMicroseconds == 0 ? 1 : Double(now - startedMicroseconds) / Double(spreadMicroseconds)
        let due = min(clients.count, Int(share * Double(clients.count)) + 1)
        while asked < due {
            let client = clients[asked]
            asked += 1
            // One that was lost since it was opened has failed.
            if client.isOpen { client.ask(nowMicroseconds: nowMicroseconds) } else { client.miss() }
        }
        askedMicroseconds = nowMicroseconds - startedMicroseconds
    }

    private func readSome() {
        let batch = queued.prefix(Self.readsPerTurn)
        queued.removeFirst(batch.count)
        for client in batch {
            client.isQueued = false
            var records = 0
            while records < Self.recordsPerRead, client.read() { records += 1 }
            if records == Self.recordsPerRead { queue(client) }
        }
    }

    private func takeRound() -> CrowdRound {
        CrowdRound(
            outcomes: clients.map(\.outcome), askedMicroseconds: askedMicroseconds,
            microseconds: nowMicroseconds - startedMicroseconds)
    }
}

/// The crowd's place in the turns of its loop. It watches nothing.
private final class CrowdPump: EventSource {
    private let action: () -> Void

    init(action: @escaping () -> Void) {
        self.action = action
        super.init(descriptor: -1)
    }

    override func runAgain() { action() }
}
