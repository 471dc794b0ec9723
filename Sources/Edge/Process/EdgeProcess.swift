// SPDX-License-Identifier: Apache-2.0
//
// The running edge: worker threads, and the main thread with the administration interface, the signals, reloads and
// ticket keys. All of this is the main thread's; workers are reached by their mailboxes. The threads are joined before
// the process ends.

import Base
import CLinux
import Glibc
import Net

/// An edge or shield process. Signals: SIGTERM and SIGINT drain, SIGHUP reloads.
final class EdgeProcess {
    /// What is in force.
    var plan: EdgePlan
    var runs: [WorkerRun] = []
    var addresses: AddressTable?
    let file: String
    let ticketKeys: TicketKeys
    var rotation: TicketRotation
    let status = ProcessStatus()
    let draining = DrainState()
    let health: HealthMonitor
    /// What may be written to disk yet when all workers have ended may take so long.
    private static let diskStopMilliseconds: Int64 = 5000
    private let tier: MemoryTier
    private let disk: DiskCache?
    private let purges: PurgeState
    private let loop: EventLoop
    private let signals: SignalSource
    let admin: Server
    let administration: AdminHandler

    /// Sets everything up and listens. `file` is where `configuration` came from, and what SIGHUP reads. Throws a
    /// `ConfigurationError`, or a description of what else could not be done.
    init(_ configuration: EdgeConfiguration, file: String) throws {
        // First of all: a SIGHUP that comes while this is at work must not end the process.
        signals = try SignalSource()
        self.file = file
        ticketKeys = try TicketKeys()
        plan = try EdgePlan(configuration, ticketKeys: ticketKeys)
        status.certificates = plan.certificates
        status.sites = plan.settings.sites.map(\.requests)
        if let keys = plan.ticketKeysOfFile { ticketKeys.replace(with: keys) }
        rotation = TicketRotation(configuration.tls, keys: ticketKeys, now: Clock.monotonicMilliseconds())
        purges = try Self.openPurges(configuration)
        disk = try Self.openDisk(configuration)
        tier = MemoryTier(
            budgetBytes: configuration.memoryBytes, policy: configuration.evictionPolicy, purges: purges)
        let addressesMax = configuration.connectionsPerAddress
        addresses = addressesMax > 0 ? AddressTable(connectionsMax: addressesMax) : nil
        let hasher = KeyHasher()
        loop = try EventLoop()
        health = HealthMonitor(loop: loop, upstreams: plan.settings.upstreams.settings)
        let playlists = PlaylistIndex(memory: tier.memory, mailbox: loop.mailbox)
        let sockets = try plan.openSockets(notIn: [], count: configuration.workers)
        for index in 0..<configuration.workers {
            let worker = EdgeWorker(
                index: index, loop: try EventLoop(), settings: plan.settings, tier: tier, disk: disk,
                playlists: playlists, hasher: hasher, health: health, logFile: plan.logFile)
            runs.append(try WorkerRun(worker, plan, addresses, sockets[index]))
        }
        for run in runs { run.worker.peers = runs.map(\.worker) }
        let metrics = EdgeMetrics(
            workers: runs.map { ($0.worker.counters, $0.server.counters) }, tier: tier, purges: purges,
            disk: disk, process: status, health: health)
        administration = AdminHandler(metrics: metrics, draining: draining, purges: purges)
        administration.tokens = plan.adminTokens
        administration.scopes = PurgeScopes(plan.settings)
        admin = Server(
            loop: loop, handler: administration, limits: AdminHandler.limits, counters: ServerCounters())
        if let endpoint = configuration.admin { try admin.listen(endpoint, tls: nil) }
    }

    private static func openDisk(_ configuration: EdgeConfiguration) throws -> DiskCache? {
        guard let disk = configuration.disk else { return nil }
        do {
            let tier = try DiskTier(
                DiskTierSettings(
                    folder: disk.folder, budgetBytes: disk.bytes, readers: disk.readers,
                    // Bodies that wait to be written are in memory: they must not take what clients' fills need.
                    writeQueueBytesMax: min(
                        disk.writeQueueBytes, max(configuration.memoryBytes / 4, configuration.objectBytesMax))))
            return DiskCache(tier: tier, budgetBytes: disk.bytes, freshSecondsMin: disk.freshSecondsMin)
        } catch {
            throw disk.place.error("\(error)")
        }
    }

    private static func openPurges(_ configuration: EdgeConfiguration) throws -> PurgeState {
        let folder = configuration.purgeFolder
        do {
            return try PurgeState(folder: folder.isEmpty ? nil : folder, rulesMax: configuration.purgesMax)
        } catch let error as SystemError {
            throw configuration.purgeFolderPlace?.error("\(error)") ?? error
        }
    }

    /// Serves until SIGINT or SIGTERM, then drains; a second signal ends the drain. Returns when every worker has ended.
    func run() throws {
        signals.action = { [unowned self] signal in
            switch signal {
            case SIGTERM, SIGINT: stop(signal)
            case SIGHUP: reload()
            default: break
            }
        }
        guard loop.add(signals) else { throw SystemError("epoll_ctl", code: ENOMEM) }
        loop.onTurn = { [unowned self] in
            rotation.turn(now: loop.now)
            health.turn()
            purges.turn()
        }
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
        let configuration = plan.configuration
        Log.info(
            "Serving",
            [
                "name": configuration.name, "role": configuration.role.rawValue, "workers": "\(runs.count)",
                "listen": configuration.listen.map { "\($0.endpoint)" }.joined(separator: " "),
            ])
        loop.run()
        for thread in threads { thread.join() }
        disk?.tier.stop(withinMilliseconds: Self.diskStopMilliseconds)
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

    /// Runs `work` on the main thread.
    func post(_ work: @escaping @Sendable () -> Void) { loop.mailbox.post(work) }
}

/// Whether the process is draining; the main thread's.
final class DrainState {
    fileprivate(set) var isDraining = false
}

/// What the process as a whole has done, and what it has in force; the main thread's.
final class ProcessStatus {
    let reloads = Counter()
    let reloadsFailed = Counter()
    var certificates: [TLSCertificate] = []
    var sites: [SiteCounter] = []
}
