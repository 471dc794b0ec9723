// SPDX-License-Identifier: Apache-2.0
//
// A ChildProcess owns one process from posix_spawn to waitpid. All calls come from the thread that made it: the kernel
// sends the signal of PR_SET_PDEATHSIG when that thread ends.

import Base
import Foundation
import Glibc

/// Why the comparison can not go on.
struct BenchError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A program that the comparison started. It dies with `stop`, and also when this program dies, however that comes.
/// Its output, from both outputs, goes to one file.
final class ChildProcess {
    private let name: String
    let pid: Int32
    let outputFile: String
    /// As waitpid(2) gave it, once the process has ended.
    private var status: Int32?

    /// Where a process runs.
    struct Placement: Sendable {
        /// Processor cores, as taskset(1) lists them: "0", "0,1".
        var cores: String
        /// Whether it steps back behind others.
        var isNice = false
    }

    /// Starts `command`; its first word is looked up on the PATH and in the folders for administrators.
    /// Throws when the system can not start a process or write the output.
    init(_ command: [String], on placement: Placement, output: String) throws {
        name = command[0]
        outputFile = output
        var words = ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", placement.cores]
        if placement.isNice { words += ["nice", "-n", "10"] }
        pid = try Self.spawn(["env", "PATH=" + Programs.path] + words + command, output: output)
    }

    var isRunning: Bool {
        if status == nil {
            var ended: Int32 = 0
            let result = waitpid(pid, &ended, WNOHANG)
            if result == pid { status = ended }
        }
        return status == nil
    }

    /// What it has written so far.
    var output: String { (try? readTextFile(outputFile)) ?? "" }

    /// Waits for its end; throws when that is not a success, or does not come in time.
    func waitForSuccess(seconds: Double) throws {
        guard waitForEnd(seconds: seconds) else {
            stop()
            throw BenchError("\(name) was not done after \(decimal(seconds, 0)) s; see \(outputFile)")
        }
        guard status == 0 else { throw BenchError("\(name) failed: \(lastLines())") }
    }

    /// Ends it: SIGTERM, and SIGKILL when that is not heeded within five seconds.
    func stop() {
        guard isRunning else { return }
        kill(pid, SIGTERM)
        if !waitForEnd(seconds: 5) {
            kill(pid, SIGKILL)
            _ = waitForEnd(seconds: 5)
        }
    }

    func lastLines() -> String {
        output.split(separator: "\n").suffix(5).joined(separator: " | ")
    }

    private func waitForEnd(seconds: Double) -> Bool {
        let deadline = Clock.monotonicMilliseconds() + Int64(seconds * 1000)
        while isRunning {
            guard Clock.monotonicMilliseconds() < deadline else { return false }
            usleep(2000)
        }
        return true
    }

    private static func spawn(_ words: [String], output: String) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: Int32 = 0
        let result = posix_spawn(&pid, "/usr/bin/env", &actions, nil, &arguments, environ)
        guard result == 0 else { throw SystemError("starting \(words.joined(separator: " "))", code: result) }
        return pid
    }
}

/// Finds and asks programs of the system.
enum Programs {
    static let path = (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin") + ":/usr/sbin:/sbin"

    static func isInstalled(_ name: String) -> Bool {
        if name.contains("/") { return access(name, X_OK) == 0 }
        return path.split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
    }

    /// The edge's program: `path`, or without it the one beside this program.
    static func edge(_ path: String?) -> String {
        if let path { return absolute(path) }
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "loadtest"
        return (own as NSString).deletingLastPathComponent + "/edge"
    }

    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    /// Runs a short command to its end and returns what it wrote to both outputs; throws when it fails.
    @discardableResult
    static func run(_ command: [String], output: String, seconds: Double = 60) throws -> String {
        let child = try ChildProcess(command, on: .init(cores: Cores.ofThisProcess.all), output: output)
        try child.waitForSuccess(seconds: seconds)
        return child.output
    }
}
