// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import LoadTests

@Suite struct ProcessTableTests {
    /// A line of proc(5): fields 14 and 15 are 250 and 40; the name tries to look like the end of itself.
    private let line =
        "4711 (ng) x (inx)) S 42 4711 42 0 -1 4194560 1 2 3 4 250 40 900 800 20 0 1 0 100 1000 200 18446744073709551615"

    @Test func theStatLineIsReadBehindTheLastParenthesis() throws {
        let stat = try #require(ProcessStat(line: line))
        #expect(stat.parent == 42)
        // Not cutime and cstime, which are 900 and 800.
        #expect(stat.ticks == 290)
    }

    @Test(arguments: ["", "4711 nginx S 42", "1 (a) S 2 3"])
    func otherLinesAreRefused(line: String) {
        #expect(ProcessStat(line: line) == nil)
    }

    @Test func memoryIsReadInBytes() throws {
        let status = "Name:\tedge\nVmHWM:\t  900 kB\nVmRSS:\t    512 kB\nRssAnon:\t 100 kB\nRssFile:\t 412 kB\n"
        let memory = try #require(ProcessMemory(status: status))
        #expect(memory == ProcessMemory(resident: 524_288, anonymous: 102_400))
        #expect(ProcessMemory(status: "Name:\tkthreadd\n") == nil)
    }

    @Test func aFamilyIsEverythingBelowItsRoots() {
        let parents: [Int32: Int32] = [10: 1, 11: 10, 12: 11, 20: 1, 21: 20, 30: 1]
        #expect(ProcessTable.family([10, 20], parents: parents) == [10, 11, 12, 20, 21])
    }

    @Test func workOfThisProcessIsSeen() {
        let before = ProcessTable.cpuSeconds([getpid()])
        var sum: UInt64 = 0
        while ProcessTable.cpuSeconds([getpid()]) < before + 0.05 { sum &+= (0..<100_000).reduce(0, &+) }
        #expect(sum > 0)
        #expect(ProcessTable.memory([getpid()]).resident > 1_000_000)
    }

    @Test(arguments: [
        ("0-1", "0", "1", "0,1"), ("3", "3", "3", "3"), ("2,4-5", "2", "4", "2,4,5"), ("", "0", "0", "0"),
    ])
    func onlyAllowedCoresAreUsed(list: String, server: String, client: String, all: String) {
        let cores = Cores(status: "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t\(list)\nMems_allowed:\t1\n")
        #expect(cores.server == server)
        #expect(cores.client == client)
        #expect(cores.all == all)
    }
}
