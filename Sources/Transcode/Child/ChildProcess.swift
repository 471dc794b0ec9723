// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc
import Synchronization

/// How a media child ended.
enum ChildOutcome: Sendable, Equatable {
    case result(MediaResult)
    case plan(MediaPlan)
    /// The file is at fault; a sentence for the uploader.
    case unusable(String)
    /// The child could not do its work and said why.
    case failed(String)
    /// The child ended without a word: a crash, or a limit that it hit.
    case crashed(String)
    case timedOut
    /// `kill()` was called.
    case killed
}

/// One run of `transcode media-child`: its own process, which a broken file may take down.
final class ChildProcess: Sendable {
    /// What a child works on and what it may use.
    struct Job: Sendable {
        /// An open regular file; the child reads nothing else.
        var input: Int32
        /// An existing, empty folder for what it writes.
        var folder: String
        var preset: String
        var part = MediaPart.whole
        var confinement: Confinement
        /// The program: this one, unless a test runs.
        var executable = "/proc/self/exe"
    }

    /// The most bytes that a child may say: the result of a day's video is a tenth of it.
    private static let outputBytesMax = 64 << 20

    private struct State {
        var pid: pid_t = 0
        var isKilled = false
    }

    private let job: Job
    private let state = Mutex(State())

    init(_ job: Job) {
        self.job = job
    }

    /// Ends the child now, or before it starts; `run` returns `.killed`.
    func kill() {
        state.withLock { state in
            state.isKilled = true
            // Not reaped yet: the number is still this child's.
            if state.pid > 0 { _ = Glibc.kill(state.pid, SIGKILL) }
        }
    }

    /// Spawns the child, reports its progress in per cent, and returns when it is gone. Blocks.
    func run(progress: (Double) -> Void) throws(MediaError) -> ChildOutcome {
        try listen { message in if case .progress(let percent) = message { progress(percent) } }
    }

    /// Spawns the child, hands on what it tells before its end, and returns when it is gone. Blocks.
    ///
    /// The child dies with the thread that spawned it: call this on a thread that does nothing else.
    func listen(_ hear: (ChildMessage) -> Void) throws(MediaError) -> ChildOutcome {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw MediaError.failed("make a pipe: errno \(errno)") }
        defer { close(ends[0]) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let spawned = Result { () throws(MediaError) in try spawn(output: ends[1]) }
        close(ends[1])
        let pid = try spawned.get()
        let isKilledAlready = state.withLock { state in
            state.pid = pid
            return state.isKilled
        }
        if isKilledAlready { kill() }
        let (last, timedOut) = readMessages(from: ends[0], hear: hear)
        // Also ends a child that closed its output but runs on.
        if timedOut || last == nil { _ = Glibc.kill(pid, SIGKILL) }
        let status = reap(pid)
        return outcome(last: last, timedOut: timedOut, status: status)
    }

    private func reap(_ pid: pid_t) -> Int32 {
        // Waits without reaping first, so that `kill()` never hits a number that is someone else's.
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return state.withLock { state in
            state.pid = 0
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            return status
        }
    }

    private func outcome(last: ChildMessage?, timedOut: Bool, status: Int32) -> ChildOutcome {
        if state.withLock({ $0.isKilled }) { return .killed }
        if timedOut { return .timedOut }
        switch last {
        case .result(let result) where status == 0: return .result(result)
        case .plan(let plan) where status == 0: return .plan(plan)
        case .unusable(let reason): return .unusable(reason)
        case .failed(let reason): return .failed(reason)
        default:
            let signal = status & 0x7F
            return .crashed(signal != 0 ? "signal \(signal)" : "exit status \(status >> 8 & 0xFF)")
        }
    }

    private func spawn(output: Int32) throws(MediaError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Both are moved out of the way first: either may have a number that is assigned below.
        let input = fcntl(job.input, F_DUPFD_CLOEXEC, 10)
        let pipeEnd = fcntl(output, F_DUPFD_CLOEXEC, 10)
        defer {
            close(input)
            close(pipeEnd)
        }
        guard input >= 0, pipeEnd >= 0 else { throw MediaError.failed("duplicate a descriptor: errno \(errno)") }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, pipeEnd, 1)
        posix_spawn_file_actions_adddup2(&actions, input, childInputDescriptor)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The parent may block or ignore signals; the child starts clean.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        // Its own process group: Ctrl-C on a terminal reaches the parent, which ends the child.
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        guard let part = try? JSONEncoder().encode(job.part) else {
            throw MediaError.failed("a part that can not be told to a child")
        }
        let arguments = [
            "transcode", "media-child", "--out", job.folder, "--preset", job.preset,
            "--part", String(decoding: part, as: UTF8.self), "--parent", "\(getpid())",
            "--memory-bytes", "\(job.confinement.memoryBytesMax)", "--seconds", "\(job.confinement.secondsMax)",
        ]
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        // The environment is not the child's business, but its time zone and the loader's paths are harmless.
        var environment: [UnsafeMutablePointer<CChar>?] = Self.environment().map { strdup($0) } + [nil]
        defer { for pointer in environment { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, job.executable, &actions, &attributes, &pointers, &environment)
        guard code == 0 else { throw MediaError.failed("start \(job.executable): errno \(code)") }
        return pid
    }

    /// Only what the loader needs to find the Swift libraries: no secret of the worker's environment goes down.
    private static func environment() -> [String] {
        guard let path = getenv("LD_LIBRARY_PATH") else { return [] }
        return ["LD_LIBRARY_PATH=" + String(cString: path)]
    }

    /// Reads lines until the child closes its output; gives the last one that ends its work.
    private func readMessages(from descriptor: Int32, hear: (ChildMessage) -> Void) -> (ChildMessage?, timedOut: Bool) {
        let deadline = spw_monotonic_nanoseconds() / 1_000_000 + Int64(job.confinement.secondsMax) * 1000
        var last: ChildMessage?
        var line: [UInt8] = []
        var total = 0
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let left = deadline - spw_monotonic_nanoseconds() / 1_000_000
            guard left > 0 else { return (nil, true) }
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, Int32(clamping: left)) > 0 else { continue }
            let count = spw_read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return (last, false) }
            total += count
            guard total <= Self.outputBytesMax else { return (nil, false) }
            for byte in chunk[..<count] {
                guard byte == UInt8(ascii: "\n") else {
                    line.append(byte)
                    continue
                }
                switch try? JSONDecoder().decode(ChildMessage.self, from: Data(line)) {
                case .some(let message) where !message.isLast: hear(message)
                case .some(let message): last = message
                case nil: break
                }
                line.removeAll(keepingCapacity: true)
            }
        }
    }
}
