// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation

/// The machine that figures come from.
struct Machine: Codable, Equatable {
    let processor: String
    let cores: Int
    let kernel: String
    let openSSL: String
    /// Runnable processes in the last minute before the run (/proc/loadavg): what else the machine was busy with.
    let loadAverage: String

    /// Reads /proc; `scratch` is a file to write to.
    static func read(scratch: String) throws -> Machine {
        let information = try readTextFile("/proc/cpuinfo")
        let kernel = try readTextFile("/proc/sys/kernel/osrelease")
        let openSSL = try Programs.run(["openssl", "version"], output: scratch).firstLine
        return Machine(
            processor: modelName(information), cores: ProcessInfo.processInfo.processorCount,
            kernel: kernel.firstLine,
            openSSL: openSSL.split(separator: " ").prefix(2).joined(separator: " "),
            loadAverage: String(try readTextFile("/proc/loadavg").prefix { $0 != " " }))
    }

    /// The first `model name` of /proc/cpuinfo.
    static func modelName(_ information: String) -> String {
        for line in information.split(separator: "\n") where line.hasPrefix("model name") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return "unknown processor"
    }

    var description: String { "\(processor), \(cores) cores, Linux \(kernel), \(openSSL), load \(loadAverage) before" }
}
