// SPDX-License-Identifier: Apache-2.0
//
// What all threads know of one upstream server. Its state is written by the main thread, which owns the server's
// `HealthMachine` (see `HealthMonitor`), and by the worker that takes a trial; the numbers by all. Each value stands for
// itself, so relaxed ordering will do: a worker that sees an old state asks a server once too often. Kept as long as
// anyone refers to it.

import Base
import Synchronization

/// The shared record of one server.
final class ServerHealth: Sendable {
    let endpoint: Endpoint
    private let stateValue = Atomic<UInt8>(HealthMachine.State.up.rawValue)
    /// A success would be news.
    private let hasFailed = Atomic<Bool>(false)
    /// Fetches under way, of all workers.
    let inFlight = SharedCounter()
    let failures = SharedCounter()
    let checks = SharedCounter()
    let checksFailed = SharedCounter()

    init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
    }

    var state: HealthMachine.State { HealthMachine.State(rawValue: stateValue.load(ordering: .relaxed)) ?? .up }

    var isUp: Bool { state == .up }

    /// Whether successes are to be reported.
    var wantsSuccesses: Bool { hasFailed.load(ordering: .relaxed) }

    /// True when the caller may make the one request that tries the server.
    func takeTrial() -> Bool {
        stateValue.compareExchange(
            expected: HealthMachine.State.halfOpen.rawValue, desired: HealthMachine.State.paused.rawValue,
            ordering: .relaxed
        ).exchanged
    }

    /// Main thread only.
    func publish(_ machine: HealthMachine) {
        stateValue.store(machine.state.rawValue, ordering: .relaxed)
        hasFailed.store(!machine.isClean, ordering: .relaxed)
    }
}
