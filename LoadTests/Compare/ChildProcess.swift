// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Glibc

/// Why the comparison can not go on.
struct BenchError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A program that the comparison started. It owns the process: it dies with `stop`, and also when this program dies,
/// however that comes (PR_SET_PDEATHSIG). Its output goes to one file.
final class ChildProcess {
    private let process = Process()
    private let name: String
    let outputFile: String

    /// Processor cores, as taskset(1) lists them ("0", "0,1"), and lower priority where `isNice`.
    struct Placement: Sendable {
        var cores: String
        var isNice = false
    }

    /// Starts `command`, whose first word is looked up on the PATH and in the folders for administrators.
    init(_ command: [String], environment: [String: String] = [:], on placement: Placement, output: String) throws {
        name = command[0]
        outputFile = output
        var words = ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", placement.cores]
        if placement.isNice { words += ["nice", "-n", "10"] }
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words + command
        process.environment = ProcessInfo.processInfo.environment
            .merging(["PATH": Programs.path]) { $1 }.merging(environment) { $1 }
        guard FileManager.default.createFile(atPath: output, contents: nil),
            let file = FileHandle(forWritingAtPath: output)
        else { throw BenchError("\(output) can not be written") }
        process.standardOutput = file
        process.standardError = file
        process.standardInput = FileHandle.nullDevice
        try process.run()
        try? file.close()
    }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    /// What it has written so far.
    var output: String { (try? readTextFile(outputFile)) ?? "" }

    /// Waits for its end; throws when that is not a success, or does not come in time.
    func waitForSuccess(seconds: Double) throws {
        guard waitForEnd(seconds: seconds) else {
            stop()
            throw BenchError("\(name) was not done after \(decimal(seconds, 0)) s; see \(outputFile)")
        }
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw BenchError("\(name) ended with status \(process.terminationStatus): \(lastLines())")
        }
    }

    /// Ends it: SIGTERM, and SIGKILL when that is not heeded within five seconds.
    func stop() {
        guard process.isRunning else { return }
        kill(pid, SIGTERM)
        if !waitForEnd(seconds: 5) {
            kill(pid, SIGKILL)
            process.waitUntilExit()
        }
    }

    func lastLines() -> String {
        output.split(separator: "\n").suffix(5).joined(separator: " | ")
    }

    private func waitForEnd(seconds: Double) -> Bool {
        let deadline = Clock.monotonicMilliseconds() + Int64(seconds * 1000)
        while process.isRunning {
            guard Clock.monotonicMilliseconds() < deadline else { return false }
            usleep(5000)
        }
        return true
    }
}

/// Finds and asks programs of the system.
enum Programs {
    static let path = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin") + ":/usr/sbin:/sbin"

    static func isInstalled(_ name: String) -> Bool {
        if name.contains("/") { return access(name, X_OK) == 0 }
        return path.split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
    }

    /// Runs a short command to its end and returns what it wrote to both outputs; throws when it fails.
    @discardableResult
    static func run(_ command: [String], output: String, seconds: Double = 60) throws -> String {
        let child = try ChildProcess(command, on: .init(cores: "0-\(coreCount - 1)"), output: output)
        try child.waitForSuccess(seconds: seconds)
        return child.output
    }

    static let coreCount = ProcessInfo.processInfo.processorCount
}
