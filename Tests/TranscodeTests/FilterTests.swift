// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Transcode

/// The filter of system calls, run by `FilterMachine` on every call, and not by the kernel.
@Suite struct FilterTests {
    static let process: Int32 = 4711
    static let allow = FilterVerdict.allow.value
    static let trap = FilterVerdict.trap.value

    static func refuse(_ code: Int32) -> UInt32 { FilterVerdict.refuse(code).value }

    func filter(_ architecture: Architecture) -> MediaChildFilter {
        MediaChildFilter(architecture: architecture, process: Self.process)
    }

    @Test func theVerdictsAreThoseOfTheKernel() {
        // linux/seccomp.h
        #expect(FilterVerdict.allow.value == 0x7FFF_0000)
        #expect(FilterVerdict.trap.value == 0x0003_0000)
        #expect(FilterVerdict.kill.value == 0x8000_0000)
        #expect(FilterVerdict.refuse(EPERM).value == 0x0005_0001)
    }

    @Test(arguments: Architecture.allCases) func everyNameOfTheRulesHasANumber(architecture: Architecture) {
        let names =
            MediaChildFilter.allowed + MediaChildFilter.unreachable + MediaChildFilter.refused
            + MediaChildFilter.hostile
        #expect(Set(names).count == names.count)
        for name in names { #expect(SystemCall.numbers[name] != nil, "\(name)") }
        let numbers = SystemCall.numbers.keys.compactMap { SystemCall.number($0, architecture) }
        #expect(Set(numbers).count == numbers.count)
    }

    @Test(arguments: Architecture.allCases) func everyNumberHasItsVerdict(architecture: Architecture) throws {
        let filter = filter(architecture)
        let program = filter.program()
        #expect(program.instructions.count < 4096)
        var counts: [UInt32: Int] = [:]
        for number in 0..<UInt32(1024) {
            let data = FilterMachine.data(number: number, architecture: architecture.audit, arguments: [])
            let verdict = try FilterMachine.run(program, on: data)
            counts[verdict, default: 0] += 1
            let name = SystemCall.name(number, architecture)
            if MediaChildFilter.allowed.contains(name) {
                #expect(verdict == Self.allow, "\(name)")
            } else if MediaChildFilter.hostile.contains(name) {
                #expect(verdict == Self.trap, "\(name)")
            } else if MediaChildFilter.unreachable.contains(name) {
                #expect(verdict == Self.refuse(EACCES), "\(name)")
            } else if SystemCall.numbers[name] == nil {
                // As on a kernel that does not know the call.
                #expect(verdict == Self.refuse(ENOSYS), "\(name)")
            }
        }
        #expect(counts[Self.allow, default: 0] > 30 && counts[Self.allow, default: 0] < 50)
    }

    @Test func anotherArchitectureAndShortPointersEndTheProcess() throws {
        let read = FilterMachine.data(number: 0, architecture: 0x4000_0003, arguments: [])
        for architecture in Architecture.allCases {
            #expect(try FilterMachine.run(filter(architecture).program(), on: read) == FilterVerdict.kill.value)
        }
        let short = FilterMachine.data(
            number: 0x4000_0000, architecture: Architecture.x86.audit, arguments: [])
        #expect(try FilterMachine.run(filter(.x86).program(), on: short) == FilterVerdict.kill.value)
    }

    /// A call, its arguments, and what it is answered.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var arguments: [UInt64]
        var verdict: UInt32

        init(_ name: String, _ arguments: [UInt64], _ verdict: UInt32) {
            self.name = name
            self.arguments = arguments
            self.verdict = verdict
        }

        var testDescription: String { "\(name) \(arguments)" }
    }

    static let cases = [
        // glibc's flags for a thread, a fork, vfork, a thread in a name space of its own, and one that is traced.
        Case("clone", [0x3D0F00], allow), Case("clone", [0x1200011], trap), Case("clone", [0x4111], trap),
        Case("clone", [0x3D0F00 | 0x1000_0000], trap), Case("clone", [0x3D0F00 | 0x2_0000], trap),
        Case("clone", [0x3D0F00 | 0x2000], trap), Case("clone", [17], trap), Case("clone3", [], refuse(ENOSYS)),
        Case("mmap", [0, 4096, 3, 0x22], allow), Case("mmap", [0, 4096, 0], allow),
        Case("mmap", [0, 4096, 7, 0x22], refuse(EACCES)), Case("mmap", [0, 4096, 5], refuse(EACCES)),
        Case("mprotect", [0, 4096, 3], allow), Case("mprotect", [0, 4096, 0x1_0000_0004], refuse(EACCES)),
        Case("rt_sigaction", [11], allow), Case("rt_sigaction", [31], refuse(EPERM)),
        Case("tgkill", [4711, 4712, 6], allow), Case("tgkill", [4712, 4712, 6], trap), Case("tgkill", [0, 1, 9], trap),
        Case("tgkill", [0x1_0000_1267, 1, 9], trap), Case("kill", [4711, 9], trap),
        Case("prlimit64", [0, 3, 0, 0x7000], allow), Case("prlimit64", [0, 7, 0x7000, 0], trap),
        Case("prlimit64", [1, 7, 0, 0x7000], trap), Case("prlimit64", [0, 7, 0x7000_0000_0000, 0], trap),
        Case("prctl", [15, 0x7000], allow), Case("prctl", [4, 1], refuse(EPERM)),
        Case("prctl", [22, 0], refuse(EPERM)),
        Case("fcntl", [1, 3], allow), Case("fcntl", [1, 0], refuse(EPERM)), Case("fcntl", [1, 1030], refuse(EPERM)),
        Case("ioctl", [1, 0x5401], refuse(ENOTTY)), Case("ioctl", [0, 0x5412], refuse(ENOTTY)),
        Case("openat", [0xFFFF_FF9C, 0x7000, 0], refuse(EACCES)), Case("socket", [2, 1, 0], trap),
        Case("execve", [0x7000], trap), Case("ptrace", [16, 1], trap), Case("io_uring_setup", [8], trap),
        Case("setpriority", [0, 0, 19], refuse(EPERM)),
    ]

    @Test(arguments: cases) func argumentsDecide(one: Case) throws {
        for architecture in Architecture.allCases {
            #expect(try FilterMachine.verdict(filter(architecture), one.name, one.arguments) == one.verdict)
        }
    }

    @Test func aCaseWithTwoConditionsNeedsBoth() throws {
        var program = FilterProgram()
        program.loadNumber()
        let both = FilterCase(
            conditions: [.equals(index: 1, value: 1 << 40), .masked(index: 5, mask: 6, value: 2)], verdict: .kill)
        program.rule(number: 9, cases: [both], otherwise: .trap)
        program.finish(.allow)
        func verdict(_ number: UInt32, _ arguments: [UInt64]) throws -> UInt32 {
            try FilterMachine.run(
                program, on: FilterMachine.data(number: number, architecture: 0, arguments: arguments))
        }
        #expect(try verdict(9, [0, 1 << 40, 0, 0, 0, 3]) == FilterVerdict.kill.value)
        #expect(try verdict(9, [0, 1 << 40, 0, 0, 0, 6]) == Self.trap)
        #expect(try verdict(9, [0, 1, 0, 0, 0, 3]) == Self.trap)
        #expect(try verdict(8, [0, 1 << 40, 0, 0, 0, 3]) == Self.allow)
    }

    @Test func landlockTakesWhatItsVersionKnows() throws {
        #expect(Landlock(version: -38) == nil && Landlock(version: 0) == nil)
        // linux/landlock.h: 13 rights over files, then refer, truncate, ioctl; two for TCP; two scopes.
        let rights = try [1, 2, 3, 4, 5, 6, 7].map { try #require(Landlock(version: $0)) }
        #expect(rights.map(\.files) == [0x1FFF, 0x3FFF, 0x7FFF, 0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF])
        #expect(rights.map(\.network) == [0, 0, 0, 3, 3, 3, 3])
        #expect(rights.map(\.scopes) == [0, 0, 0, 0, 0, 3, 3])
    }

    @Test func theOperatorIsToldWhatTheKernelLacks() {
        #expect(KernelSupport(hasFilter: true, landlockVersion: 1).shortcomings.isEmpty)
        #expect(KernelSupport(hasFilter: false, landlockVersion: 1).shortcomings.count == 1)
        #expect(KernelSupport(hasFilter: false, landlockVersion: 0).shortcomings.count == 2)
    }
}
