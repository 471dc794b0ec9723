// SPDX-License-Identifier: Apache-2.0

import CLinux

/// What this machine's kernel offers for the confinement of media children.
struct KernelSupport: Sendable, Equatable {
    /// Seccomp filters, and a table of system calls for this architecture.
    var hasFilter: Bool
    /// 0 for none.
    var landlockVersion: Int

    static var ofThisKernel: KernelSupport {
        KernelSupport(
            hasFilter: Architecture.current != nil && spw_filter_is_available() != 0,
            landlockVersion: max(0, Int(spw_landlock_version())))
    }

    static let withoutFilter =
        "This kernel can not filter system calls (seccomp), so a file could do what this program may do. "
        + "Nothing is transcoded unless the confinement is set to `whereAvailable`."

    /// What an operator should know, a sentence each; empty when all is there.
    var shortcomings: [String] {
        var sentences: [String] = []
        if !hasFilter {
            sentences.append(
                "This kernel can not filter system calls (seccomp); media children are confined by limits only.")
        }
        if landlockVersion == 0 {
            sentences.append(
                "This kernel has no Landlock; media children are kept from files and ports by the other layers only.")
        }
        return sentences
    }
}
