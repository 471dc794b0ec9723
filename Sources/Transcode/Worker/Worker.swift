// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import Glibc

/// Leases parts and does each in a `PartRun`: one after the other, or several side by side.
struct Worker: Sendable {
    /// After a failure of the queue itself, so that a broken disk does not fill the log.
    private static let troubleMilliseconds = 5000
    /// The longest wait for a change of the queue.
    private static let waitMilliseconds = 5000

    private let name: String
    private let settings: OriginConfiguration.Transcode
    private let services: WorkerServices
    /// Parts at the same time.
    private let parallel: Int
    /// Ends when there was nothing to do for so long; nil for never.
    private let idleMilliseconds: Int64?

    /// Opens the queue and the objects. Throws a `BackendError` or an `ObjectStoreError` for the operator.
    init(_ configuration: OriginConfiguration, parallel: Int = 1, idleSeconds: Int? = nil) throws {
        settings = configuration.transcode
        try Self.checkConfinement(settings)
        name = "\(Self.hostName()):\(getpid())"
        self.parallel = parallel
        idleMilliseconds = idleSeconds.map { Int64($0) * 1000 }
        let database = try CatalogDatabase(path: configuration.catalogPath)
        services = WorkerServices(
            catalog: SQLiteCatalog(database: database),
            queue: SQLiteJobQueue(
                database: database, rules: JobRules(triesMax: settings.triesMax),
                pollMilliseconds: settings.pollMilliseconds),
            store: try FileObjectStore(root: configuration.objectsPath),
            folder: try WorkFolder(root: configuration.workPath), settings: settings)
    }

    /// Works until its task is cancelled, when the parts in work are given back, or until it was idle for too long.
    func run() async {
        Log.info("the worker takes jobs", ["worker": name, "parallel": "\(parallel)"])
        for sentence in KernelSupport.ofThisKernel.shortcomings { Log.warning(sentence) }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<parallel { group.addTask { await work() } }
        }
        Log.info("the worker has ended", ["worker": name, "children": services.children.text])
    }

    private func work() async {
        var idleSince = Clock.monotonicMilliseconds()
        while !Task.isCancelled {
            do throws(BackendError) {
                let duration = Int64(settings.leaseSeconds) * 1000
                if let lease = try await services.queue.lease(worker: name, durationMilliseconds: duration) {
                    await PartRun(lease, services).run()
                    idleSince = Clock.monotonicMilliseconds()
                    continue
                }
                var wait = Int64(Self.waitMilliseconds)
                if let idleMilliseconds {
                    let left = idleSince + idleMilliseconds - Clock.monotonicMilliseconds()
                    guard left > 0 else { return }
                    wait = min(wait, left)
                }
                await services.queue.waitForWork(atMostMilliseconds: Int(wait))
            } catch {
                Log.error("no part could be leased", ["reason": "\(error)"])
                await pause(milliseconds: Self.troubleMilliseconds)
            }
        }
    }

    /// A worker that could start no child says so at once, and leaves its jobs to others.
    private static func checkConfinement(_ settings: OriginConfiguration.Transcode) throws {
        guard settings.confinement == ConfinementMode.required.rawValue, !KernelSupport.ofThisKernel.hasFilter else {
            return
        }
        throw CleanError(KernelSupport.withoutFilter)
    }

    private static func hostName() -> String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "unknown" }
        return String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// What a part needs.
struct WorkerServices: Sendable {
    var catalog: any Catalog
    var queue: any JobQueue
    var store: any ObjectStore
    var folder: WorkFolder
    /// How the media children of this worker ended.
    let children = ChildTally()
    var settings: OriginConfiguration.Transcode
    /// The program of the media children: this one, unless a test runs.
    var executable = "/proc/self/exe"
}

/// Sleeps; returns early when the task is cancelled.
func pause(milliseconds: Int) async {
    // The only error is the cancellation, which every caller's loop looks at.
    try? await Task.sleep(for: .milliseconds(milliseconds))
}

/// Opens a file for reading only.
func openForReading(_ path: String) throws(MediaError) -> Int32 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw MediaError.failed("open \(path): errno \(errno)") }
    return descriptor
}
