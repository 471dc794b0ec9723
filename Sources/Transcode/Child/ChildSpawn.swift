// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// A pipe, both ends of which this process's children do not inherit by themselves.
struct PipeEnds {
    let reading: Int32
    let writing: Int32

    init() throws(MediaError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw MediaError.failed("make a pipe: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reading, writing) = (ends[0], ends[1])
    }
}

extension ChildProcess {
    /// Starts the program with nothing of this process but three descriptors: its input, and two pipes.
    static func spawn(_ job: Job, output: Int32, errors: Int32) throws(MediaError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // All are moved out of the way first: each may have a number that is assigned below.
        let moved = [output, errors, job.input].map { fcntl($0, F_DUPFD_CLOEXEC, 10) }
        defer { for descriptor in moved where descriptor >= 0 { close(descriptor) } }
        guard moved.allSatisfy({ $0 >= 0 }) else { throw MediaError.failed("duplicate a descriptor: errno \(errno)") }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        for (descriptor, number) in zip(moved, [STDOUT_FILENO, STDERR_FILENO, childInputDescriptor]) {
            posix_spawn_file_actions_adddup2(&actions, descriptor, number)
        }
        var attributes = try cleanAttributes()
        defer { posix_spawnattr_destroy(&attributes) }
        var arguments = strings(try arguments(job))
        defer { for pointer in arguments { free(pointer) } }
        var environment = strings(environment())
        defer { for pointer in environment { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, job.executable, &actions, &attributes, &arguments, &environment)
        guard code == 0 else { throw MediaError.failed("start \(job.executable): errno \(code)") }
        return pid
    }

    private static func cleanAttributes() throws(MediaError) -> posix_spawnattr_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        // The parent may block or ignore signals; the child starts clean.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        let code = posix_spawnattr_setflags(&attributes, Int16(flags))
        guard code == 0 else { throw MediaError.failed("describe a child: errno \(code)") }
        return attributes
    }

    private static func arguments(_ job: Job) throws(MediaError) -> [String] {
        guard let part = try? JSONEncoder().encode(job.part) else {
            throw MediaError.failed("a part that can not be told to a child")
        }
        return [
            "transcode", "media-child", "--preset", job.preset, "--part", String(decoding: part, as: UTF8.self),
            "--parent", "\(getpid())",
            "--memory-bytes", "\(job.confinement.memoryBytesMax)", "--seconds", "\(job.confinement.secondsMax)",
            "--confinement", job.confinement.isRequired ? "required" : "whereAvailable",
        ]
    }

    /// Only what the loader needs to find the Swift libraries: no secret of the worker's environment goes down. A crash
    /// is told by its signal; the Swift runtime could start no other program to describe it.
    private static func environment() -> [String] {
        // Pictures are large: with pages of 2 MiB where the kernel has them, fewer address translations miss.
        let fixed = ["SWIFT_BACKTRACE=enable=no", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"]
        guard let path = getenv("LD_LIBRARY_PATH") else { return fixed }
        return fixed + ["LD_LIBRARY_PATH=" + String(cString: path)]
    }

    /// Copies for C, with a nil at the end; the caller frees them.
    private static func strings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
        texts.map { strdup($0) } + [nil]
    }
}
