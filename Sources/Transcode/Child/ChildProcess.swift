// SPDX-License-Identifier: Apache-2.0
//
// One run of one child. `run` belongs to the thread that calls it; `kill` may be called on any. The lock guards the
// child's number from the start of the process to its reaping, so that no signal goes to a number that is another's.

import CLinux
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
    /// The child crashed, hit a limit, or did what it may not.
    case crashed(ChildFault)
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
        /// An existing, empty folder for what it hands over.
        var folder: String
        var preset: String
        var part = MediaPart.whole
        var confinement: Confinement
        /// The program: this one, unless a test runs.
        var executable = "/proc/self/exe"
        var limits = ChildStream.Limits()
    }

    /// How long a child may live on when it has closed its output.
    private static let graceMilliseconds: Int64 = 10_000
    /// So much of the end of its standard error is kept.
    private static let lastWordsBytes = 2048

    private struct State {
        var pid: pid_t = 0
        var isKilled = false
        var lastWords = ""
    }

    private let job: Job
    private let state = Mutex(State())

    init(_ job: Job) {
        self.job = job
    }

    /// The running child's process number, 0 while there is none; for diagnosis only.
    var number: pid_t { state.withLock { $0.pid } }

    /// The end of what the child wrote to standard error, on one line; empty until it is gone. A stranger's file may
    /// stand behind every word.
    var lastWords: String { state.withLock { $0.lastWords } }

    /// Ends the child now, or before it starts; `run` returns `.killed`.
    func kill() {
        state.withLock { state in
            state.isKilled = true
            // Not reaped yet: the number is still this child's.
            if state.pid > 0 { _ = Glibc.kill(state.pid, SIGKILL) }
        }
    }

    /// Spawns the child, stores what it hands over, reports its progress in per cent, and returns when it is gone.
    /// Blocks.
    func run(progress: (Double) -> Void) throws(MediaError) -> ChildOutcome {
        try listen { message in if case .progress(let percent) = message { progress(percent) } }
    }

    /// Spawns the child, stores what it hands over, tells of what it says before its end, and returns when it is gone.
    /// Blocks.
    ///
    /// The child dies with the thread that spawned it: call this on a thread that does nothing else.
    func listen(_ hear: (ChildMessage) -> Void) throws(MediaError) -> ChildOutcome {
        let folder = try OutputFolder(job.folder)
        let output = try PipeEnds()
        defer { close(output.reading) }
        let errors: PipeEnds
        do throws(MediaError) {
            errors = try PipeEnds()
        } catch {
            close(output.writing)
            throw error
        }
        defer { close(errors.reading) }
        let spawned = Result { () throws(MediaError) in
            try Self.spawn(job, output: output.writing, errors: errors.writing)
        }
        close(output.writing)
        close(errors.writing)
        let pid = try spawned.get()
        let isKilledAlready = state.withLock { state in
            state.pid = pid
            return state.isKilled
        }
        if isKilledAlready { kill() }
        var reading = Reading(stream: ChildStream(limits: job.limits))
        let read = Result { () throws(MediaError) in
            try reading.readAll(
                output: output.reading, errors: errors.reading, deadline: deadline, folder: folder, hear: hear)
        }
        // It has closed both pipes, so it has ended or has nothing more to say; or it has to be ended. What ends a
        // process that is ending already does not change its status.
        _ = Glibc.kill(pid, SIGKILL)
        let status = reap(pid)
        let words = ChildFault.line(reading.errors)
        state.withLock { $0.lastWords = words }
        try read.get()
        return outcome(reading, status: status)
    }

    private var deadline: Int64 { Self.now + Int64(job.confinement.secondsMax) * 1000 }

    private static var now: Int64 { spw_monotonic_nanoseconds() / 1_000_000 }

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

    private func outcome(_ reading: Reading, status: Int32) -> ChildOutcome {
        if state.withLock({ $0.isKilled }) { return .killed }
        if let violation = reading.violation { return .crashed(ChildFault(.output(violation.reason))) }
        if reading.isLate { return .timedOut }
        switch reading.last {
        case .result(let result) where status == 0: return .result(result)
        case .plan(let plan) where status == 0: return .plan(plan)
        case .unusable(let reason): return .unusable(reason)
        case .failed(let reason): return .failed(reason)
        case .outOfMemory(let reason): return .crashed(ChildFault(.memory, lastWords: reason))
        default: return .crashed(ChildFault(status: status, errors: reading.errors))
        }
    }

    /// What was read of a child's two pipes.
    private struct Reading {
        var stream: ChildStream
        /// The last message, which ends the child's work.
        var last: ChildMessage?
        /// The end of its standard error.
        var errors: [UInt8] = []
        var violation: ChildStream.Violation?
        var isLate = false

        /// Reads until both pipes are closed, the time is over, or the child does what it must not. Throws when what
        /// it hands over can not be stored.
        mutating func readAll(
            output: Int32, errors: Int32, deadline: Int64, folder: OutputFolder, hear: (ChildMessage) -> Void
        ) throws(MediaError) {
            var pipes = [pollfd(fd: output, events: Int16(POLLIN), revents: 0)]
            pipes.append(pollfd(fd: errors, events: Int16(POLLIN), revents: 0))
            var deadline = deadline
            var chunk = [UInt8](repeating: 0, count: 65536)
            while pipes.contains(where: { $0.fd >= 0 }) {
                let left = deadline - ChildProcess.now
                guard left > 0 else {
                    isLate = pipes[0].fd >= 0
                    return
                }
                guard poll(&pipes, 2, Int32(clamping: left)) > 0 else { continue }
                for index in pipes.indices where pipes[index].revents != 0 {
                    let count = spw_read(pipes[index].fd, &chunk, chunk.count)
                    if count <= 0 {
                        pipes[index].fd = -1
                        if index == 0 { deadline = min(deadline, ChildProcess.now + ChildProcess.graceMilliseconds) }
                    } else if index == 0 {
                        try take(chunk[..<count], folder: folder, hear: hear)
                        if violation != nil { return }
                    } else {
                        self.errors = (self.errors + chunk[..<count]).suffix(ChildProcess.lastWordsBytes)
                    }
                }
            }
        }

        private mutating func take(
            _ bytes: ArraySlice<UInt8>, folder: OutputFolder, hear: (ChildMessage) -> Void
        ) throws(MediaError) {
            var rest = bytes
            while true {
                let event: ChildStream.Event?
                do throws(ChildStream.Violation) {
                    event = try stream.next(&rest)
                } catch {
                    violation = error
                    return
                }
                guard let event else { return }
                try folder.take(event)
                guard case .message(let message) = event else { continue }
                if message.isLast { last = message } else { hear(message) }
            }
        }
    }
}
