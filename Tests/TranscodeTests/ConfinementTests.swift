// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Transcode

/// What a confined process tries in vain, and what the same process without the confinement does.
@Suite struct ConfinementTests {
    /// A path that outlives the test, for a system call's argument.
    static let passwords = Int(bitPattern: strdup("/etc/passwd"))
    static let missing = Int(bitPattern: strdup("/nowhere/at/all"))
    static let fresh = Int(bitPattern: strdup(TestFiles.root + "/fresh"))
    static let memory = Int(bitPattern: mmap(nil, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | 0x20, -1, 0))
    static let currentFolder = -100

    /// A system call, how it ends when all layers are in force, and whether it succeeds without them.
    struct Attempt: Sendable, CustomTestStringConvertible {
        var call: String
        var arguments: [Int]
        var confined: ConfinedProcess.Ending
        /// The least value of a success without confinement; nil: it fails there by another errno, because it is
        /// harmless as it is tried here.
        var freeAtLeast: Int?

        init(_ call: String, _ arguments: [Int], _ confined: ConfinedProcess.Ending, freeAtLeast: Int? = 0) {
            self.call = call
            self.arguments = arguments
            self.confined = confined
            self.freeAtLeast = freeAtLeast
        }

        var testDescription: String { call }
    }

    static func alarm(_ call: String, _ arguments: [Int], freeAtLeast: Int? = 0) -> Attempt {
        Attempt(call, arguments, .fault(.refusedCall(call)), freeAtLeast: freeAtLeast)
    }

    static let attempts: [Attempt] = [
        // Sockets of the Internet and of this machine.
        alarm("socket", [Int(AF_INET), 1, 0]), alarm("socket", [Int(AF_INET6), 2, 0]), alarm("socket", [1, 1, 0]),
        alarm("socketpair", [1, 1, 0, memory]), alarm("connect", [0, memory, 16], freeAtLeast: nil),
        alarm("sendto", [1, memory, 1, 0, 0, 0], freeAtLeast: nil),
        // Other files.
        Attempt("openat", [currentFolder, passwords, Int(O_RDONLY), 0], .value(-Int(EACCES)), freeAtLeast: 3),
        Attempt(
            "openat", [currentFolder, fresh, Int(O_WRONLY | O_CREAT), 0o600], .value(-Int(EACCES)), freeAtLeast: 3),
        Attempt("statx", [currentFolder, passwords, 0, 0x7FF, memory], .value(-Int(EACCES))),
        Attempt("faccessat", [currentFolder, passwords, 0], .value(-Int(EACCES))),
        alarm("unlinkat", [currentFolder, missing, 0], freeAtLeast: nil),
        alarm("memfd_create", [passwords, 0], freeAtLeast: 3),
        // Other programs and processes. 17 is SIGCHLD: a fork.
        alarm("clone", [17, 0, 0, 0, 0]), Attempt("clone3", [memory, 0], .value(-Int(ENOSYS)), freeAtLeast: nil),
        alarm("execve", [missing, 0, 0], freeAtLeast: nil), alarm("kill", [Int(getppid()), 0]),
        alarm("ptrace", [16, 1, 0, 0], freeAtLeast: nil),
        alarm("process_vm_readv", [-1, 0, 0, 0, 0, 1], freeAtLeast: nil), alarm("pidfd_open", [Int(getpid()), 0]),
        // More rights.
        alarm("prlimit64", [0, 7, memory, 0]), alarm("io_uring_setup", [1, 0], freeAtLeast: nil),
        alarm("bpf", [0, memory, 0], freeAtLeast: nil), alarm("unshare", [-1], freeAtLeast: nil),
        alarm("setns", [-1, 0], freeAtLeast: nil),
        alarm("mount", [missing, missing, missing, 0, 0], freeAtLeast: nil),
        Attempt("mmap", [0, 4096, 7, 0x22, -1, 0], .value(-Int(EACCES))),
        Attempt("mprotect", [memory, 4096, 5], .value(-Int(EACCES))),
        Attempt("prctl", [4, 1, 0, 0, 0], .value(-Int(EPERM))),
    ]

    @Test(arguments: attempts) func isRefused(attempt: Attempt) throws {
        let confined = try ConfinedProcess.attempt(attempt.call, attempt.arguments, layers: .all)
        #expect(confined == attempt.confined)
        guard case .value(let free) = try ConfinedProcess.attempt(attempt.call, attempt.arguments, layers: .none)
        else {
            // The copy of a copy ends too: only the first one's value counts.
            Issue.record("ended without confinement")
            return
        }
        if let least = attempt.freeAtLeast {
            #expect(free >= least)
        } else {
            #expect(free < 0 && .value(free) != confined)
        }
    }

    /// The calls of work go on: memory, threads' locks, its pipe, the clock.
    @Test func whatTheWorkNeedsIsAllowed() throws {
        for (call, arguments) in [
            ("mmap", [0, 1 << 20, 3, 0x22, -1, 0]), ("getrandom", [Self.memory, 16, 0]),
            ("clock_gettime", [1, Self.memory]), ("getpid", []), ("sched_yield", []),
            ("madvise", [Self.memory, 4096, 4]),
            ("prctl", [15, Self.memory, 0, 0, 0]), ("prlimit64", [0, 3, 0, Self.memory]), ("brk", [0]),
        ] {
            guard case .value(let value) = try ConfinedProcess.attempt(call, arguments, layers: .all), value >= 0 else {
                Issue.record("\(call) is refused")
                continue
            }
        }
    }

    /// Landlock alone keeps from files, whatever else is there.
    @Test(.enabled(if: Landlock.ofThisKernel != nil)) func landlockAloneClosesTheFiles() throws {
        let read = [Self.currentFolder, Self.passwords, Int(O_RDONLY), 0]
        let create = [Self.currentFolder, Self.fresh, Int(O_WRONLY | O_CREAT), 0o600]
        for arguments in [read, create] {
            #expect(try ConfinedProcess.attempt("openat", arguments, layers: .landlock) == .value(-Int(EACCES)))
        }
        // Port 1 of this machine: refused by the kernel's layer before it is by TCP.
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(1).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let expected = (Landlock.ofThisKernel?.network ?? 0) == 0 ? ECONNREFUSED : EACCES
        let ending = try ConfinedProcess.attempt(layers: .landlock) {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            return result < 0 ? -Int(errno) : 0
        }
        #expect(ending == .value(-Int(expected)))
    }

    /// Without a filter and without Landlock there is still no new descriptor to be had, and no way to more: the
    /// capability that raises limits is gone.
    @Test func theLimitOfDescriptorsAloneClosesFilesAndSockets() throws {
        for (call, arguments) in [
            ("openat", [Self.currentFolder, Self.passwords, Int(O_RDONLY), 0]), ("socket", [Int(AF_INET), 1, 0]),
            ("memfd_create", [Self.passwords, 0]),
        ] {
            #expect(
                try ConfinedProcess.attempt(call, arguments, layers: .descriptors) == .value(-Int(EMFILE)), "\(call)")
        }
        #expect(
            try ConfinedProcess.attempt(layers: .descriptors) { dup(STDERR_FILENO) < 0 ? Int(errno) : 0 }
                == .value(Int(EMFILE)))
        let raised = strdup(String(repeating: "\u{1}", count: 31))
        defer { free(raised) }
        let limit = Int(bitPattern: raised)
        #expect(
            try ConfinedProcess.attempt("prlimit64", [0, 7, limit, 0], layers: .descriptors) == .value(-Int(EPERM)))
    }

    /// A thread can be made, and it is under the filter as well.
    @Test func aThreadOfAConfinedProcessIsConfined() throws {
        let ending = try ConfinedProcess.attempt(layers: .all) {
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { _ in
                    _ = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                    return nil
                }, nil)
            guard code == 0 else { return -Int(code) }
            pthread_join(thread, nil)
            return 0
        }
        #expect(ending == .fault(.refusedCall("socket")))
    }

    @Test func theLimitOnProcessorTimeIsTold() throws {
        var confinement = try Confinement(memoryBytesMax: 1 << 40, secondsMax: 1).prepared()
        let index = try #require(confinement.limits.firstIndex { $0.name == "processor time" })
        confinement.limits[index].value = 1
        let ending = try ConfinedProcess.attempt(confinement) {
            while true {}
        }
        #expect(ending == .fault(.processorTime))
    }

    @Test func theLimitOnMemoryHolds() throws {
        for (bytes, expected) in [(1 << 40, true), (1 << 33, false)] {
            let confinement = try Confinement(memoryBytesMax: bytes, secondsMax: 60).prepared()
            // Reserved, not used.
            let ending = try ConfinedProcess.attempt(confinement) {
                mmap(nil, 1 << 34, PROT_READ, MAP_PRIVATE | 0x4020, -1, 0) == MAP_FAILED ? -Int(errno) : 0
            }
            #expect(ending == .value(expected ? 0 : -Int(ENOMEM)))
        }
    }

    /// A copy has its standard output by inheritance; a regular file in its place takes nothing.
    @Test func theLimitOnTheSizeOfFilesHolds() throws {
        let descriptor = open(try TestFiles.folder() + "/file", O_WRONLY | O_CREAT, 0o600)
        defer { close(descriptor) }
        let write = [Int(descriptor), Self.memory, 1]
        #expect(try ConfinedProcess.attempt("write", write, layers: .all) == .fault(.signal(SIGXFSZ)))
        #expect(try ConfinedProcess.attempt("write", write, layers: .none) == .value(1))
    }

    @Test func aKernelWithoutFiltersIsRefusedUnlessThatIsAllowed() throws {
        let poor = KernelSupport(hasFilter: false, landlockVersion: 0)
        let confinement = Confinement(memoryBytesMax: 1 << 40, secondsMax: 60)
        #expect(throws: MediaError.failed(KernelSupport.withoutFilter)) { try confinement.prepared(for: poor) }
        let prepared = try Confinement(memoryBytesMax: 1 << 40, secondsMax: 60, isRequired: false).prepared(for: poor)
        #expect(prepared.filter.isEmpty && prepared.landlock == nil)
        // What is left still keeps from files and sockets.
        let ending = try ConfinedProcess.attempt(prepared) {
            open("/etc/passwd", O_RDONLY) < 0 && socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) < 0 ? 1 : 0
        }
        #expect(ending == .value(1))
    }

    @Test func faultsAreReadFromStatusAndWords() {
        func kind(_ status: Int32, _ words: String) -> ChildFault.Kind {
            ChildFault(status: status, errors: Array(words.utf8)).kind
        }
        let socket = Architecture.current.flatMap { SystemCall.number("socket", $0) } ?? 0
        #expect(kind(159 << 8, "refused system call 00000000\(socket)\n") == .refusedCall("socket"))
        #expect(kind(159 << 8, "refused system call 0000000999\n") == .refusedCall("call 999"))
        #expect(kind(159 << 8, "refused system call 99999999999999\n") == .refusedCall(nil))
        #expect(kind(SIGSYS, "") == .refusedCall(nil))
        #expect(kind(SIGABRT, "terminate called after throwing an instance of 'std::bad_alloc'") == .memory)
        #expect(kind(SIGSEGV, "") == .signal(SIGSEGV))
        #expect(kind(SIGXCPU, "") == .processorTime)
        #expect(kind(3 << 8, "") == .exit(3))
    }

    @Test func endingsAreCounted() {
        let tally = ChildTally()
        for outcome: ChildOutcome in [
            .timedOut, .crashed(ChildFault(.memory)), .crashed(ChildFault(.signal(11))), .timedOut,
            .crashed(ChildFault(.refusedCall("socket"))), .unusable(""), .crashed(ChildFault(.output(""))),
        ] { tally.count(outcome) }
        #expect(tally.text == "crash=1 memory=1 output=1 seccomp=1 timedOut=2 unusable=1")
    }
}
