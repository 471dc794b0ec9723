// SPDX-License-Identifier: Apache-2.0
//
// The running edge: worker threads, and the main thread with the administration interface and the signals.
// Everything is made here before a thread starts; the threads are joined before the process ends.

import Base
import CLinux
import Glibc
import Net
import Token

/// An edge or shield process.
final class EdgeProcess {
    private let configuration: EdgeConfiguration
    private let tier: MemoryTier
    private let ticketKeys: TicketKeys
    private var runs: [WorkerRun] = []
    private let draining = DrainState()

    /// Sets everything up and listens. Throws a description of what could not be done.
    init(_ configuration: EdgeConfiguration) throws {
        self.configuration = configuration
        tier = MemoryTier(budgetBytes: configuration.memoryBytes)
        let files = try EdgeFiles(configuration)
        ticketKeys = try files.ticketKeys ?? TicketKeys()
        let tls = try files.makeContext(configuration.tls, ticketKeys: ticketKeys)
        files.logOddities()
        let hasher = KeyHasher()
        let addresses = configuration.connectionsPerAddress
        let table = addresses > 0 ? AddressTable(connectionsMax: addresses) : nil
        let limits = DescriptorBudget.fit(configuration)
        for index in 0..<configuration.workers {
            let worker = try Self.makeWorker(index, configuration, tier, hasher, files.tokenKeys)
            runs.append(try WorkerRun(worker, configuration, limits, table, tls))
        }
        for run in runs { run.worker.peers = runs.map(\.worker) }
    }

    private static func makeWorker(
        _ index: Int, _ configuration: EdgeConfiguration, _ tier: MemoryTier, _ hasher: KeyHasher, _ keys: TokenKeySet?
    ) throws -> EdgeWorker {
        let settings = EdgeSettings(
            name: configuration.name, objectBytesMax: configuration.objectBytesMax,
            finishBytesMax: configuration.finishBytesMax, waitMilliseconds: configuration.waitMilliseconds,
            allowOrigin: configuration.allowOrigin, isShield: configuration.role == .shield)
        return EdgeWorker(
            index: index, loop: try EventLoop(), settings: settings, tier: tier, hasher: hasher, tokenKeys: keys,
            upstreams: configuration.upstreams, upstreamLimits: configuration.upstreamLimits,
            accessLog: try configuration.accessLogFile.map { try AccessLog(path: $0) })
    }

    /// Serves until SIGINT or SIGTERM, then drains; a second signal ends the drain. Returns when every worker has ended.
    func run() throws {
        let loop = try EventLoop()
        let signals = try SignalSource { [unowned self] signal in
            // SIGHUP is for reloading; it must not end the process.
            guard signal == SIGTERM || signal == SIGINT else { return }
            stop(signal)
        }
        guard loop.add(signals) else { throw SystemError("epoll_ctl", code: ENOMEM) }
        let metrics = EdgeMetrics(workers: runs.map { ($0.worker.counters, $0.server.counters) }, tier: tier)
        let admin = Server(
            loop: loop, handler: AdminHandler(metrics: metrics, draining: draining), limits: ServerLimits(),
            counters: ServerCounters())
        if let endpoint = configuration.admin { try admin.listen(endpoint, tls: nil) }
        let mailbox = loop.mailbox
        // Runs on this thread, one at a time.
        nonisolated(unsafe) var running = runs.count
        nonisolated(unsafe) let mainLoop = loop
        let ended: @Sendable () -> Void = {
            running -= 1
            if running == 0 { mainLoop.stop() }
        }
        let threads = try runs.map { run in
            try startThread(name: "worker-\(run.worker.index)") {
                run.worker.loop.run()
                mailbox.post(ended)
            }
        }
        Log.info(
            "Serving",
            [
                "name": configuration.name, "role": configuration.role.rawValue, "workers": "\(runs.count)",
                "listen": configuration.listen.map { "\($0.endpoint)" }.joined(separator: " "),
            ])
        loop.run()
        for thread in threads { thread.join() }
        let cutOff = runs.reduce(0) { $0 + $1.server.counters.connectionsOpen.value }
        Log.info("Stopped", ["connectionsCutOff": "\(cutOff)"])
    }

    /// The first signal drains, the second one ends what is still in flight.
    private func stop(_ signal: Int32) {
        guard !draining.isDraining else {
            Log.info("Stopping at once", ["signal": "\(signal)"])
            for run in runs { run.stop() }
            return
        }
        draining.isDraining = true
        Log.info("Draining", ["signal": "\(signal)"])
        for run in runs { run.drain() }
    }
}

/// Whether the process is draining; the main thread's.
final class DrainState {
    fileprivate(set) var isDraining = false
}

/// One worker with its server and the state of its drain. Belongs to the worker's thread once it runs.
private final class WorkerRun: @unchecked Sendable {
    // `@unchecked Sendable` because after the threads have started other threads only call `drain`, which posts.
    let worker: EdgeWorker
    let server: Server
    private let drainMilliseconds: Int64
    private var drainDeadlineMilliseconds: Int64?

    init(
        _ worker: EdgeWorker, _ configuration: EdgeConfiguration, _ limits: ServerLimits, _ addresses: AddressTable?,
        _ tls: TLSContext?
    ) throws {
        self.worker = worker
        drainMilliseconds = configuration.drainMilliseconds
        server = Server(
            loop: worker.loop, handler: worker, limits: limits, counters: ServerCounters(), addresses: addresses)
        for listen in configuration.listen { try server.listen(listen.endpoint, tls: listen.usesTLS ? tls : nil) }
        worker.loop.onTurn = { [unowned self] in turn() }
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
