// SPDX-License-Identifier: Apache-2.0
//
// What is given up here is given up for good and by the whole process. It belongs to the process's first thread, before
// there is another one: Landlock and the capabilities are a thread's own, and only later threads inherit them.

import CLinux
import Glibc

/// What a process that parses a stranger's file may use.
///
/// The layers do not rest on one another. The seccomp filter alone keeps a process from sockets, files and other
/// processes; so does a limit of no further descriptors, for a process without privileges; Landlock denies every path
/// and TCP port once more, where the kernel has it.
struct Confinement: Sendable {
    /// Bytes of address space.
    var memoryBytesMax: Int
    /// Seconds of wall-clock time; the processor time is bounded by as many seconds on every core.
    var secondsMax: Int
    /// True: without a filter of system calls nothing is read.
    var isRequired = true
    /// The largest regular file that may be written, through a descriptor that is open already.
    var fileBytesMax = 0

    /// The kernel sends SIGXCPU at the limit and SIGKILL so much later.
    private static let processorGraceSeconds: UInt64 = 5

    /// Confines the calling process for good. A layer that can not be put in place is an error: nothing is read then.
    func apply() throws(MediaError) {
        try prepared().enter()
    }

    /// All that needs memory or the file system, so that entering is system calls only.
    func prepared(for support: KernelSupport = .ofThisKernel) throws(MediaError) -> PreparedConfinement {
        if isRequired, !support.hasFilter { throw MediaError.failed(KernelSupport.withoutFilter) }
        let cores = UInt64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let processorSeconds = UInt64(max(1, secondsMax)) * cores
        let limits: [PreparedConfinement.Limit] = [
            .init(name: "memory", number: SPW_LIMIT_AS, value: UInt64(max(0, memoryBytesMax))),
            .init(
                name: "processor time", number: SPW_LIMIT_CPU, value: processorSeconds,
                hard: processorSeconds + Self.processorGraceSeconds),
            .init(name: "file size", number: SPW_LIMIT_FSIZE, value: UInt64(max(0, fileBytesMax))),
            // A core dump would hold the stranger's file.
            .init(name: "core dumps", number: SPW_LIMIT_CORE, value: 0),
            // What is open stays open; nothing else can be.
            .init(name: "open files", number: SPW_LIMIT_NOFILE, value: 0),
        ]
        var filter: [spw_filter_instruction] = []
        if support.hasFilter, let architecture = Architecture.current {
            filter = MediaChildFilter(architecture: architecture, process: getpid()).program().instructions.map {
                spw_filter_instruction(
                    code: $0.code, jump_true: $0.jumpTrue, jump_false: $0.jumpFalse, value: $0.value)
            }
        }
        return PreparedConfinement(
            limits: limits, landlock: Landlock(version: Int32(clamping: support.landlockVersion)), filter: filter)
    }

    /// Ends this process when the thread that spawned it is gone; `parent` is the process that did.
    static func dieWith(parent: Int32) throws(MediaError) {
        let code = spw_die_with_parent(SIGKILL)
        guard code >= 0 else { throw MediaError.failed("watch the parent: errno \(-code)") }
        // The parent may have ended before the call above.
        guard getppid() == parent else { throw MediaError.failed("the parent is gone") }
    }

    /// Leaves what a child has of its parent: the terminal (Ctrl-C reaches the parent, which ends the child), the
    /// present folder, and descriptors that another part of the parent forgot to mark close-on-exec.
    static func leaveParent() throws(MediaError) {
        guard setsid() >= 0 else { throw MediaError.failed("begin a session: errno \(errno)") }
        guard chdir("/") == 0 else { throw MediaError.failed("leave the folder: errno \(errno)") }
        let code = spw_close_from(childInputDescriptor + 1)
        guard code >= 0 else { throw MediaError.failed("close what was inherited: errno \(-code)") }
    }
}

/// Whether a file is transcoded where the kernel can not filter system calls.
enum ConfinementMode: String, Sendable, CaseIterable {
    case required, whereAvailable
}

/// A confinement whose layers are ready, in the order in which they are entered.
struct PreparedConfinement: Sendable {
    struct Limit: Sendable {
        var name: String
        /// An SPW_LIMIT constant.
        var number: Int32
        var value: UInt64
        /// What the process could raise the limit to; `value` unless given.
        var hard: UInt64?
    }

    var limits: [Limit]
    /// Nil where the kernel has none.
    var landlock: Landlock?
    /// Empty where the kernel has none.
    var filter: [spw_filter_instruction]

    /// Gives everything up; throws at the first layer that the kernel refuses.
    func enter() throws(MediaError) {
        try Self.check(spw_no_new_privileges(), "give up privileges")
        try Self.check(spw_drop_capabilities(), "give up capabilities")
        try Self.check(spw_not_dumpable(), "forbid dumps")
        if let landlock { try Self.check(landlock.deny(), "restrict by Landlock") }
        for limit in limits {
            let code = spw_set_limit(limit.number, limit.value, limit.hard ?? limit.value)
            guard code >= 0 else { throw MediaError.failed("limit \(limit.name): errno \(-code)") }
        }
        guard !filter.isEmpty else { return }
        try Self.check(spw_tell_refused_calls(), "handle SIGSYS")
        let code = filter.withUnsafeBufferPointer { spw_install_filter($0.baseAddress, $0.count) }
        try Self.check(code, "filter system calls")
    }

    private static func check(_ code: Int32, _ operation: String) throws(MediaError) {
        guard code >= 0 else { throw MediaError.failed("\(operation): errno \(-code)") }
    }
}
