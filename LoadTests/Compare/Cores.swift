// SPDX-License-Identifier: Apache-2.0

import Base

/// The processor cores that this process may use, and who gets which. A container may allow only some of the machine's.
struct Cores: Equatable, Sendable {
    private let allowed: [Int]

    /// `Cpus_allowed_list` of /proc/self/status.
    static let ofThisProcess = Cores(status: (try? readTextFile("/proc/self/status")) ?? "")

    /// Core 0 alone when the text does not tell.
    init(status: String) {
        let name = "Cpus_allowed_list:"
        let line = status.split(separator: "\n").first { $0.hasPrefix(name) }
        let words = line?.dropFirst(name.count).filter { $0 != "\t" && $0 != " " } ?? ""
        let cores = words.split(separator: ",").flatMap { part in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [Int]() }
            return Array(first...last)
        }
        allowed = cores.isEmpty ? [0] : cores
    }

    var count: Int { allowed.count }
    /// The server's, as taskset(1) takes it.
    var server: String { String(allowed[0]) }
    /// The load generator's: another one where there is one.
    var client: String { String(allowed[min(1, count - 1)]) }
    /// Both.
    var both: String { count > 1 ? "\(server),\(client)" : server }
    /// All of them.
    var all: String { allowed.map(String.init).joined(separator: ",") }
}
