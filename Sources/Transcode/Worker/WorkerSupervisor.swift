// SPDX-License-Identifier: Apache-2.0
//
// Starts workers as processes of their own, by the depth of the queue. Owned by one task, which is the only one to start
// and to reap them; they end by themselves when they are idle, and when their parent has gone.

import Backends
import Base
import Glibc

/// `transcode worker --autoscale`: keeps as many workers as the queue has work for.
struct WorkerSupervisor {
    /// How often the queue and the workers are looked at.
    private static let tickMilliseconds = 250
    /// Workers that have not given back their parts by then are ended at once.
    private static let stopMilliseconds: Int64 = 8000

    private struct Child {
        var startedMilliseconds: Int64
        /// Does not end when it is idle.
        var stays: Bool
    }

    private let configurationPath: String
    private let idleSeconds: Int
    private let queue: SQLiteJobQueue
    private var rules: ScaleRules
    private var children: [pid_t: Child] = [:]

    /// Opens the queue. Throws a `BackendError`.
    init(_ configuration: OriginConfiguration, path: String, rules: ScaleRules, idleSeconds: Int) throws {
        configurationPath = path
        self.rules = rules
        self.idleSeconds = idleSeconds
        queue = SQLiteJobQueue(
            database: try CatalogDatabase(path: configuration.catalogPath),
            rules: JobRules(triesMax: configuration.transcode.triesMax))
    }

    /// Runs until the task is cancelled; all workers have ended then.
    mutating func run() async {
        Log.info("workers are started by demand", ["most": "\(rules.workersMax)", "least": "\(rules.workersMin)"])
        while !Task.isCancelled {
            reap()
            do throws(BackendError) {
                let depth = try await queue.depth()
                let now = Clock.monotonicMilliseconds()
                for _ in 0..<rules.workersToStart(depth: depth, running: children.count, now: now) { start(now) }
            } catch {
                Log.error("the queue's depth is not known", ["reason": "\(error)"])
            }
            await pause(milliseconds: Self.tickMilliseconds)
        }
        await stop()
        Log.info("all workers have ended")
    }

    private mutating func reap() {
        var status: Int32 = 0
        // By number: other children of this process are not ours to reap.
        for (pid, child) in children where waitpid(pid, &status, WNOHANG) == pid {
            children[pid] = nil
            let now = Clock.monotonicMilliseconds()
            rules.ended(
                isCrash: status != 0, lifetimeMilliseconds: now - child.startedMilliseconds, now: now)
            if status == 0 {
                Log.info("an idle worker has ended", ["pid": "\(pid)"])
            } else {
                Log.error("a worker has crashed and will be replaced", ["pid": "\(pid)", "status": "\(status)"])
            }
        }
    }

    private mutating func start(_ now: Int64) {
        let stays = children.values.filter(\.stays).count < rules.workersMin
        var arguments = [
            "transcode", "worker", "--config", configurationPath, "--parallel", "\(rules.parallel)", "--parent",
            "\(getpid())",
        ]
        if !stays { arguments += ["--idle-seconds", "\(idleSeconds)"] }
        guard let pid = Self.spawn(arguments) else {
            rules.ended(isCrash: true, lifetimeMilliseconds: 0, now: now)
            return
        }
        children[pid] = Child(startedMilliseconds: now, stays: stays)
        Log.info("a worker was started", ["pid": "\(pid)", "workers": "\(children.count)"])
    }

    private mutating func stop() async {
        for pid in children.keys { kill(pid, SIGTERM) }
        let deadline = Clock.monotonicMilliseconds() + Self.stopMilliseconds
        while !children.isEmpty {
            for pid in children.keys where waitpid(pid, nil, WNOHANG) == pid { children[pid] = nil }
            if Clock.monotonicMilliseconds() > deadline {
                for pid in children.keys { kill(pid, SIGKILL) }
            }
            // The task is cancelled, so its own sleep would return at once.
            usleep(20_000)
        }
    }

    private static func spawn(_ arguments: [String]) -> pid_t? {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        // Their own process groups: Ctrl-C on a terminal reaches this process, which asks them to end.
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, "/proc/self/exe", nil, &attributes, &pointers, environ)
        guard code == 0 else {
            Log.error("a worker could not be started", ["errno": "\(code)"])
            return nil
        }
        return pid
    }
}
