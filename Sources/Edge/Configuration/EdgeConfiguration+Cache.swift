// SPDX-License-Identifier: Apache-2.0

import Base
import Cache

extension EdgeConfiguration {
    /// Reads `cache:`.
    mutating func readCache(_ section: ConfigurationSection) {
        memoryBytes = section.bytes("memoryBytes", default: memoryBytes, in: 1 << 20...1 << 42)
        let policy = section.choice(
            "policy", default: evictionPolicy.rawValue, of: EvictionPolicy.allCases.map(\.rawValue))
        evictionPolicy = EvictionPolicy(rawValue: policy) ?? evictionPolicy
        objectBytesMax = section.bytes(
            "objectBytes", default: min(objectBytesMax, memoryBytes), in: 1 << 16...min(memoryBytes, 1 << 34))
        finishBytesMax = section.bytes("finishBytes", default: finishBytesMax, in: 0...1 << 34)
        waitMilliseconds = Int64(
            section.integer("waitMilliseconds", default: Int(waitMilliseconds), in: 100...600_000))
        waitersMax = section.integer("waitersPerWorker", default: waitersMax, in: 1...1_000_000)
        fetchesPieces = section.boolean("slices", default: fetchesPieces)
        readAheadBytes = section.bytes("readAheadBytes", default: readAheadBytes, in: 1 << 18...1 << 30)
        standInMilliseconds = Int64(
            section.integer("standInMilliseconds", default: Int(standInMilliseconds), in: 0...600_000))
        readRules(section)
        readDisk(section.section("disk"))
    }

    /// Reads `cache.disk:`; without a folder there is no disk tier.
    private mutating func readDisk(_ section: ConfigurationSection) {
        let folder = section.optionalString("folder")
        var disk = Disk(folder: folder ?? "", place: section.place(of: "folder"))
        disk.bytes = section.bytes("bytes", default: disk.bytes, in: DiskTierSettings.budgetBytesMin...1 << 46)
        disk.readers = section.integer("readers", default: disk.readers, in: 1...DiskTierSettings.readersMax)
        disk.writeQueueBytes = section.bytes(
            "writeQueueBytes", default: disk.writeQueueBytes, in: 1 << 20...1 << 36)
        disk.freshSecondsMin = section.integer(
            "freshSeconds", default: disk.freshSecondsMin, in: 0...31_536_000)
        self.disk = folder == nil ? nil : disk
    }

    /// Reads what `cache:` says of responses, of the top level or then of a site: what the section does not say stays.
    mutating func readRules(_ section: ConfigurationSection) {
        let heuristicPercent = Int((cacheRules.heuristicFraction * 100).rounded())
        cacheRules.heuristicFraction =
            Double(section.integer("heuristicPercent", default: heuristicPercent, in: 0...100)) / 100
        cacheRules.heuristicMaxSeconds = Int64(
            section.integer(
                "heuristicMaximumSeconds", default: Int(cacheRules.heuristicMaxSeconds), in: 1...31_536_000))
        cacheRules.defaultStaleIfErrorSeconds = Int64(
            section.integer(
                "staleIfErrorSeconds", default: Int(cacheRules.defaultStaleIfErrorSeconds), in: 0...31_536_000))
        cacheRules.storesSetCookie = section.boolean("storeSetCookie", default: cacheRules.storesSetCookie)
        cacheRules.honoursRequestDirectives = section.boolean(
            "requestDirectives", default: cacheRules.honoursRequestDirectives)
        let negative = section.section("negativeSeconds")
        for status in [403, 404, 405, 410, 414, 500, 501, 502, 503, 504] {
            let present = Int(cacheRules.negativeSeconds[status] ?? 0)
            let seconds = negative.integer("\(status)", default: present, in: 0...86_400)
            cacheRules.negativeSeconds[status] = seconds > 0 ? Int64(seconds) : nil
        }
    }

    /// Reads `purge:`.
    mutating func readPurge(_ section: ConfigurationSection) {
        purgeFolder = section.string("folder", default: disk?.folder ?? "")
        purgeFolderPlace = section.place(of: "folder")
        purgesMax = section.integer("rules", default: purgesMax, in: 100...10_000_000)
    }
}

extension EdgeConfiguration {
    /// What `cache.disk:` says.
    struct Disk: Equatable {
        var folder: String
        var place: ConfigurationPlace
        var bytes = 10 << 30
        var readers = 2
        var writeQueueBytes = 64 << 20
        /// Responses that stay fresh for less are not written.
        var freshSecondsMin = 10

        /// The place in the file is not compared.
        static func == (left: Disk, right: Disk) -> Bool {
            left.folder == right.folder && left.bytes == right.bytes && left.readers == right.readers
                && left.writeQueueBytes == right.writeQueueBytes && left.freshSecondsMin == right.freshSecondsMin
        }
    }
}
