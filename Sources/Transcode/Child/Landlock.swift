// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The rights that Landlock takes from a process: all that the kernel's version knows of, everywhere.
///
/// linux/Documentation/userspace-api/landlock.rst. What is open already stays usable.
struct Landlock: Equatable, Sendable {
    /// LANDLOCK_ACCESS_FS_*: execute, write, read, list, make, remove; refer since 2, truncate since 3, ioctl since 5.
    var files: UInt64
    /// LANDLOCK_ACCESS_NET_*: bind and connect by TCP, since 4.
    var network: UInt64
    /// LANDLOCK_SCOPE_*: abstract Unix sockets and signals beyond this process, since 6.
    var scopes: UInt64

    /// Nil below version 1: the kernel has none.
    init?(version: Int32) {
        guard version >= 1 else { return nil }
        var rights = 13
        if version >= 2 { rights += 1 }
        if version >= 3 { rights += 1 }
        if version >= 5 { rights += 1 }
        files = 1 << UInt64(rights) - 1
        network = version >= 4 ? 0b11 : 0
        scopes = version >= 6 ? 0b11 : 0
    }

    /// What this kernel has.
    static var ofThisKernel: Landlock? { Landlock(version: spw_landlock_version()) }

    /// Takes the rights from the calling thread and those that it will start. Gives 0 or a negative errno.
    func deny() -> Int32 { spw_landlock_deny(files, network, scopes) }
}
