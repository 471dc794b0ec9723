// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import Glibc

/// Leases jobs one after the other and does each in a `JobRun`.
struct Worker: Sendable {
    /// After a failure of the queue itself, so that a broken disk does not fill the log.
    private static let troubleMilliseconds = 5000

    private let name: String
    private let settings: OriginConfiguration.Transcode
    private let services: WorkerServices

    /// Opens the queue and the objects. Throws a `BackendError` or an `ObjectStoreError` for the operator.
    init(_ configuration: OriginConfiguration) throws {
        settings = configuration.transcode
        try Self.checkConfinement(settings)
        name = "\(Self.hostName()):\(getpid())"
        let database = try CatalogDatabase(path: configuration.catalogPath)
        services = WorkerServices(
            catalog: SQLiteCatalog(database: database),
            queue: SQLiteJobQueue(database: database, rules: JobRules(triesMax: settings.triesMax)),
            store: try FileObjectStore(root: configuration.objectsPath),
            folder: try WorkFolder(root: configuration.workPath), settings: settings)
    }

    /// Works until its task is cancelled; the job in work is then given back.
    func run() async {
        Log.info("the worker takes jobs", ["worker": name])
        for sentence in KernelSupport.ofThisKernel.shortcomings { Log.warning(sentence) }
        while !Task.isCancelled {
            do throws(BackendError) {
                let duration = Int64(settings.leaseSeconds) * 1000
                if let lease = try await services.queue.lease(worker: name, durationMilliseconds: duration) {
                    await JobRun(lease, services).run()
                } else {
                    await pause(milliseconds: settings.pollMilliseconds)
                }
            } catch {
                Log.error("no job could be leased", ["reason": "\(error)"])
                await pause(milliseconds: Self.troubleMilliseconds)
            }
        }
        Log.info("the worker has ended", ["worker": name, "children": services.children.text])
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

/// What a job needs.
struct WorkerServices: Sendable {
    var catalog: any Catalog
    var queue: any JobQueue
    var store: any ObjectStore
    var folder: WorkFolder
    /// How the media children of this worker ended.
    let children = ChildTally()
    var settings: OriginConfiguration.Transcode
}

/// Sleeps; returns early when the task is cancelled.
func pause(milliseconds: Int) async {
    // The only error is the cancellation, which every caller's loop looks at.
    try? await Task.sleep(for: .milliseconds(milliseconds))
}
