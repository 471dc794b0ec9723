// SPDX-License-Identifier: Apache-2.0

import Base
import Net

/// One worker with its server and the state of its drain. Belongs to the worker's thread once it runs.
final class WorkerRun: @unchecked Sendable {
    // `@unchecked Sendable` because after the threads have started other threads only call the methods that post.
    let worker: EdgeWorker
    let server: Server
    private var drainMilliseconds: Int64
    private var drainDeadlineMilliseconds: Int64?

    /// Throws `SystemError` when the kernel has no memory left to watch the sockets, which the server then owns.
    init(_ worker: EdgeWorker, _ plan: EdgePlan, _ addresses: AddressTable?, _ sockets: [ListeningSocket]) throws {
        self.worker = worker
        drainMilliseconds = plan.configuration.drainMilliseconds
        server = Server(
            loop: worker.loop, handler: worker, limits: plan.limits, counters: ServerCounters(), addresses: addresses)
        let failed = server.setListeners(plan.listeners, opening: sockets)
        guard failed.isEmpty else { throw SystemError("watch \(failed[0])", code: 12) }
        worker.loop.onTurn = { [unowned self] in turn() }
    }

    /// Puts a plan in force on the worker's thread, then calls `done` there. No connection is closed.
    func apply(
        _ plan: EdgePlan, _ addresses: AddressTable?, _ sockets: [ListeningSocket],
        then done: @escaping @Sendable () -> Void
    ) {
        worker.loop.mailbox.post { [self] in
            drainMilliseconds = plan.configuration.drainMilliseconds
            worker.apply(plan.settings, logFile: plan.logFile)
            server.apply(plan.limits, addresses: addresses)
            for endpoint in server.setListeners(plan.listeners, opening: sockets) {
                Log.error(
                    "A worker can not listen: no memory", ["endpoint": "\(endpoint)", "worker": "\(worker.index)"])
            }
            done()
        }
    }

    func drain() {
        worker.loop.mailbox.post { [self] in
            drainDeadlineMilliseconds = worker.loop.now + drainMilliseconds
            server.drain()
        }
    }

    func stop() {
        worker.loop.mailbox.post { [self] in worker.loop.stop() }
    }

    private func turn() {
        worker.turn()
        guard let deadline = drainDeadlineMilliseconds else { return }
        if server.counters.connectionsOpen.value == 0 || worker.loop.now >= deadline { worker.loop.stop() }
    }
}
