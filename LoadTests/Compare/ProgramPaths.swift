// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Files by what is written on the command line.
enum ProgramPaths {
    /// A program of ours: the one beside this program.
    static func sibling(_ name: String) -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "loadtest"
        return (own as NSString).deletingLastPathComponent + "/" + name
    }

    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }
}
