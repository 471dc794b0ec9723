// SPDX-License-Identifier: Apache-2.0

import Base
import CLinux
import Glibc

/// What a process that parses a stranger's file may use.
struct Confinement: Sendable {
    /// Bytes of address space.
    var memoryBytesMax: Int
    /// Seconds of wall-clock time; the processor time is bounded by as many seconds on every core.
    var secondsMax: Int
    /// The bytes of the largest file that is written: far above a segment's.
    private static let fileBytesMax: UInt64 = 2 << 30
    private static let inheritedDescriptorsMax: Int32 = 1024
    private static let openFilesMax: UInt64 = 64

    /// Confines the calling process for good. A limit that can not be set is an error: nothing is read then.
    func apply() throws(MediaError) {
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let limits: [(name: String, number: Int32, value: UInt64)] = [
            ("memory", SPW_LIMIT_AS, UInt64(memoryBytesMax)),
            ("processor time", SPW_LIMIT_CPU, UInt64(secondsMax) * UInt64(cores)),
            ("file size", SPW_LIMIT_FSIZE, Self.fileBytesMax),
            ("open files", SPW_LIMIT_NOFILE, Self.openFilesMax),
            // A core dump would hold the stranger's file.
            ("core dumps", SPW_LIMIT_CORE, 0),
        ]
        for limit in limits {
            let code = spw_set_limit(limit.number, limit.value)
            guard code >= 0 else { throw MediaError.failed("limit \(limit.name): errno \(-code)") }
        }
        let code = spw_no_new_privileges()
        guard code >= 0 else { throw MediaError.failed("give up privileges: errno \(-code)") }
    }

    /// True when this process came so near to its memory limit that a failed allocation may stand behind any error:
    /// libav reports some of them as damage of the file.
    var memoryMayHaveBeenShort: Bool {
        guard let status = try? readTextFile("/proc/self/status"),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmPeak:") }),
            let kibibytes = line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap({ Int($0) })
        else { return false }
        return kibibytes > memoryBytesMax / 1024 / 4 * 3
    }

    /// Closes what another part of the parent forgot to mark close-on-exec: all behind the child's input. What
    /// this process has opened itself since its start carries that mark.
    static func closeInheritedDescriptors() {
        for descriptor in childInputDescriptor + 1..<inheritedDescriptorsMax {
            let flags = fcntl(descriptor, F_GETFD)
            if flags >= 0, flags & FD_CLOEXEC == 0 { close(descriptor) }
        }
    }

    /// Ends this process when the thread that spawned it is gone; `parent` is the process that did.
    static func dieWith(parent: Int32) throws(MediaError) {
        let code = spw_die_with_parent(SIGKILL)
        guard code >= 0 else { throw MediaError.failed("watch the parent: errno \(-code)") }
        // The parent may have ended before the call above.
        guard getppid() == parent else { throw MediaError.failed("the parent is gone") }
    }
}
