// SPDX-License-Identifier: Apache-2.0

import Base

extension EdgeConfiguration {
    /// Reads `cache:`.
    mutating func readCache(_ section: ConfigurationSection) {
        memoryBytes = section.bytes("memoryBytes", default: memoryBytes, in: 1 << 20...1 << 42)
        objectBytesMax = section.bytes(
            "objectBytes", default: min(objectBytesMax, memoryBytes), in: 1 << 16...min(memoryBytes, 1 << 34))
        finishBytesMax = section.bytes("finishBytes", default: finishBytesMax, in: 0...1 << 34)
        waitMilliseconds = Int64(
            section.integer("waitMilliseconds", default: Int(waitMilliseconds), in: 100...600_000))
    }

    /// Reads `purge:`.
    mutating func readPurge(_ section: ConfigurationSection) {
        purgeFolder = section.string("folder", default: "")
        purgeFolderPlace = section.place(of: "folder")
        purgesMax = section.integer("rules", default: purgesMax, in: 100...10_000_000)
    }
}
