// SPDX-License-Identifier: Apache-2.0

import Backends
import FoundationEssentials

/// The folder of files in work, shared by all workers on one state: a folder `JOB-PART-ATTEMPT` for each try.
struct WorkFolder: Sendable {
    private let root: String

    /// Makes the folder when needed. Throws Foundation's error.
    init(root: String) throws {
        self.root = root
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    }

    /// Makes the empty folder of a try with its folder `out`, and removes what earlier tries of the part left behind:
    /// their leases have ended.
    func make(for lease: JobLease) throws(MediaError) -> String {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        where name.hasPrefix("\(lease.jobID)-\(lease.part)-") {
            remove("\(root)/\(name)")
        }
        let folder = "\(root)/\(lease.jobID)-\(lease.part)-\(lease.attempt)"
        try makeFolder(folder)
        try makeFolder("\(folder)/out")
        return folder
    }

    /// Removes a folder with all that is in it; what can not be removed goes with the part's next try.
    func remove(_ folder: String) {
        try? FileManager.default.removeItem(atPath: folder)
    }
}
