// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Glibc

/// What `/proc/PID/stat` says of a process (proc(5)).
struct ProcessStat: Equatable {
    let parent: Int32
    /// utime + stime of all its threads, in clock ticks.
    let ticks: Int

    /// Nil when the line is not of that file. The command name stands in parentheses and may hold spaces and
    /// parentheses itself, so fields are counted from the last one.
    init?(line: String) {
        guard let close = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: close)...].split(separator: " ")
        // Fields 4 (ppid), 14 (utime) and 15 (stime) of the manual; the first one here is its field 3.
        guard fields.count > 12, let parent = Int32(fields[1]), let user = Int(fields[11]), let system = Int(fields[12])
        else { return nil }
        self.parent = parent
        ticks = user + system
    }
}

/// What `/proc/PID/status` says of a process's memory, in bytes.
struct ProcessMemory: Codable, Equatable {
    var resident: Int
    /// The part of it that belongs to no file: heap and stacks.
    var anonymous: Int

    init(resident: Int, anonymous: Int) {
        self.resident = resident
        self.anonymous = anonymous
    }

    /// Nil when VmRSS or RssAnon is not there (a kernel thread, or a process that has ended).
    init?(status: String) {
        func kibibytes(_ name: String) -> Int? {
            for line in status.split(separator: "\n") where line.hasPrefix(name + ":") {
                return line.dropFirst(name.count + 1).split(whereSeparator: { $0 == " " || $0 == "\t" }).first
                    .flatMap { Int($0) }
            }
            return nil
        }
        guard let resident = kibibytes("VmRSS"), let anonymous = kibibytes("RssAnon") else { return nil }
        self.init(resident: resident * 1024, anonymous: anonymous * 1024)
    }

    static func - (left: ProcessMemory, right: ProcessMemory) -> ProcessMemory {
        ProcessMemory(resident: left.resident - right.resident, anonymous: left.anonymous - right.anonymous)
    }
}

/// Sums over processes and all that they started.
enum ProcessTable {
    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

    /// Processor seconds that these processes and their living descendants have used, in steps of a clock tick (10 ms).
    static func cpuSeconds(_ roots: [Int32]) -> Double {
        let table = read()
        let ticks = family(roots, parents: table.mapValues(\.parent)).reduce(0) { $0 + (table[$1]?.ticks ?? 0) }
        return Double(ticks) / ticksPerSecond
    }

    /// Memory of these processes and their living descendants. Pages that they share are counted for each.
    static func memory(_ roots: [Int32]) -> ProcessMemory {
        let members = family(roots, parents: read().mapValues(\.parent))
        return members.reduce(into: ProcessMemory(resident: 0, anonymous: 0)) { sum, process in
            guard let text = try? readTextFile("/proc/\(process)/status"), let memory = ProcessMemory(status: text)
            else { return }
            sum.resident += memory.resident
            sum.anonymous += memory.anonymous
        }
    }

    /// Sockets that are open in these processes and their living descendants.
    static func socketCount(_ roots: [Int32]) -> Int {
        let manager = FileManager.default
        return family(roots, parents: read().mapValues(\.parent)).reduce(0) { sum, process in
            let folder = "/proc/\(process)/fd/"
            let names = (try? manager.contentsOfDirectory(atPath: folder)) ?? []
            return sum
                + names.count {
                    (try? manager.destinationOfSymbolicLink(atPath: folder + $0))?.hasPrefix("socket:") == true
                }
        }
    }

    /// The roots and everything below them.
    static func family(_ roots: [Int32], parents: [Int32: Int32]) -> Set<Int32> {
        var children: [Int32: [Int32]] = [:]
        for (process, parent) in parents { children[parent, default: []].append(process) }
        var members: Set<Int32> = []
        var pending = roots
        while let next = pending.popLast() {
            if members.insert(next).inserted { pending += children[next] ?? [] }
        }
        return members
    }

    private static func read() -> [Int32: ProcessStat] {
        var table: [Int32: ProcessStat] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let process = Int32(name), let line = try? readTextFile("/proc/\(name)/stat") else { continue }
            table[process] = ProcessStat(line: line)
        }
        return table
    }
}
