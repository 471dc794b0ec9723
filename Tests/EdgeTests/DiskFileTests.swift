// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Glibc
import Testing

@testable import Edge

/// Files that are torn, damaged, foreign or in use, and disks that are full.
@Suite(.serialized) struct DiskFileTests {
    private let folder = DiskFolder()

    private func fill(_ folder: DiskFolder, objects: Int = 12) throws {
        try folder.withTier { tier in
            for number in 0..<objects { tier.storeAndWait("/\(number)", PatternBody(seed: number, count: 700_000)) }
        }
    }

    /// The end of the last used page, as the file's newer meta page says it.
    private func usedBytes() throws -> Int {
        guard case .usable(let file) = try DatabasePreflight.look(at: folder.database) else { return 0 }
        return file.usedBytes
    }

    private func expectEmptyTier(setAside: Int = 1) throws {
        try folder.withTier { tier in
            #expect(tier.statistics.setAside == setAside && tier.statistics.objects == 0)
            #expect(tier.storeAndWait("/new", PatternBody(seed: 5, count: 300_000)) == true)
            #expect(tier.readAndWait("/new").body == PatternBody.bytes(seed: 5, count: 300_000))
        }
        #expect(folder.setAside.count == setAside)
    }

    @Test(arguments: [1, 100, 4096, 8191, 8192, 100_000, 3_000_000, -4096, -1])
    func aTruncatedFileIsSetAside(bytes: Int) throws {
        try fill(folder)
        let used = try usedBytes()
        #expect(used > 8_000_000)
        #expect(truncate(folder.database, bytes > 0 ? bytes : used + bytes) == 0)
        try expectEmptyTier()
    }

    @Test func aFileThatLostOnlyItsHoleIsWhole() throws {
        try fill(folder)
        let used = try usedBytes()
        #expect(truncate(folder.database, used) == 0)
        try folder.withTier { tier in
            #expect(tier.statistics.setAside == 0)
            for number in 0..<12 {
                #expect(tier.readAndWait("/\(number)").body == PatternBody.bytes(seed: number, count: 700_000))
            }
        }
    }

    @Test func anEmptyFileIsANewOne() throws {
        try fill(folder)
        #expect(truncate(folder.database, 0) == 0)
        try expectEmptyTier(setAside: 0)
    }

    @Test(arguments: [10, 5000, 2_000_000])
    func garbageIsSetAside(bytes: Int) throws {
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        try Data(PatternBody.bytes(seed: 3, count: bytes)).write(to: URL(fileURLWithPath: folder.database))
        try Data(PatternBody.bytes(seed: 4, count: 9000)).write(to: URL(fileURLWithPath: folder.database + "-lock"))
        try expectEmptyTier()
    }

    /// Every byte of the meta pages that is looked at.
    @Test(arguments: [10, 16, 20, 41, 86, 134, 142, 4096 + 10, 4096 + 16, 4096 + 41, 4096 + 142])
    func aDamagedMetaPageDoesNotEndTheProcess(offset: Int) throws {
        try fill(folder, objects: 2)
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: folder.database))
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data([0x77]))
        try file.close()
        // What LMDB has in its older meta page may be damaged without harm.
        try folder.withTier { tier in
            #expect(tier.storeAndWait("/new", PatternBody(seed: 5, count: 300_000)) == true)
            #expect(tier.statistics.setAside == 1 || tier.statistics.objects == 3)
        }
    }

    /// A page of a tree that never reached the disk, as after a power cut on a disk that lies about its syncs.
    @Test func aLostPageDoesNotEndTheProcess() throws {
        let body = PatternBody(seed: 1, count: 3000)
        try folder.withTier { tier in
            for number in 0..<300 {
                tier.store(
                    DiskWrite(
                        key: Array("/\(number)".utf8), head: Array(body.bytes[..<300]), version: 1, length: 3000,
                        freshUntilWallSeconds: 1, body: body))
            }
            tier.wait { tier.putMeta("x", [1], onDurable: $0) }
        }
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.database)).prefix(try usedBytes())
        let pages = stride(from: 2 * 4096, to: whole.count, by: 4096).filter { [1, 2].contains(whole[$0 + 10]) }
        #expect(pages.count > 20)
        for page in pages {
            var torn = whole
            torn.resetBytes(in: page..<page + 4096)
            try torn.write(to: URL(fileURLWithPath: folder.database))
            try folder.withTier { tier in
                // A page that only the older state had is no loss.
                #expect(tier.statistics.setAside == 1 || tier.statistics.objects == 300)
                for number in stride(from: 0, to: tier.statistics.objects, by: 7) {
                    #expect(tier.readAndWait("/\(number)").body == body.bytes)
                }
            }
        }
    }

    private func change(_ change: (DatabaseTransaction) throws -> Void) throws {
        let database = try DiskDatabase(DatabaseFolder(folder.path), budgetBytes: 64 << 20)
        let transaction = try database.beginWrite()
        try change(transaction)
        try transaction.commit()
    }

    @Test func aDatabaseOfAnotherProgramOrFormatIsSetAside() throws {
        let format = Array("spillway-disk-tier".utf8)
        try fill(folder)
        try change { try $0.delete(.meta, format) }
        try expectEmptyTier()
        try change { try $0.put(.meta, format, [99, 0, 0, 0] + [UInt8](repeating: 1, count: 20)) }
        // The first that was set aside goes: one is enough.
        try expectEmptyTier()
    }

    @Test func aFolderHasOneOwner() throws {
        try folder.withTier { tier in
            tier.storeAndWait("/a", PatternBody(seed: 1, count: 10))
            #expect(throws: DiskTierError.inUse(folder: folder.path, process: "\(getpid())")) {
                try DiskTier(folder.settings())
            }
            #expect(tier.readAndWait("/a").ends == ["done"])
        }
    }

    @Test func aSmallerBudgetStartsEmpty() throws {
        try fill(folder, objects: 40)
        try folder.withTier(budgetBytes: 16 << 20) { tier in
            #expect(tier.statistics.objects == 0 && tier.statistics.setAside == 0)
            #expect(tier.storeAndWait("/new", PatternBody(seed: 5, count: 300_000)) == true)
        }
        #expect(folder.setAside.isEmpty)
        #expect(throws: DiskTierError.self) { try folder.withTier(budgetBytes: 1 << 20) { _ in } }
    }

    /// Bytes that changed on the disk are found, once, and never served.
    @Test func aDamagedSliceIsNotServed() throws {
        try folder.withTier { $0.storeAndWait("/a", PatternBody(seed: 1, count: 1_000_000)) }
        let stored = try Data(contentsOf: URL(fileURLWithPath: folder.database), options: .alwaysMapped)
        let needle = Data(PatternBody.bytes(seed: 1, count: 1_000_000)[600_000..<600_040])
        let place = try #require(stored.range(of: needle))
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: folder.database))
        try file.seek(toOffset: UInt64(place.lowerBound))
        try file.write(contentsOf: Data([needle[0] ^ 1]))
        try file.close()
        try folder.withTier { tier in
            let read = tier.readAndWait("/a")
            #expect(read.ends == ["damaged"] && read.slices.keys.sorted() == [0, 1])
            #expect(!tier.contains("/a"))
            #expect(tier.statistics.checksumFailures == 1)
            #expect(tier.wait { tier.putMeta("x", [], onDurable: $0) })
            #expect(tier.statistics.objects == 0)
            tier.storeAndWait("/a", PatternBody(seed: 1, count: 1_000_000))
            #expect(tier.readAndWait("/a").ends == ["done"])
        }
    }

    /// A small file system of its own, for which one must be root.
    @Test(.enabled(if: getuid() == 0, "a file system can be mounted by root only"))
    func aFullDiskStopsWritingOnly() throws {
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        guard mount("none", folder.path, "tmpfs", 0, "size=12m") == 0 else {
            // A container may forbid it even to root.
            return
        }
        defer { umount2(folder.path, Int32(MNT_DETACH)) }
        try folder.withTier { tier in
            var stored: [Int] = []
            for number in 0..<30 {
                if tier.storeAndWait("/\(number)", PatternBody(seed: number, count: 1_000_000)) == true {
                    stored.append(number)
                }
            }
            #expect(stored.count >= 8 && stored.count <= 12)
            #expect(tier.statistics.errors >= 1 && tier.statistics.writeRefusals > 0)
            for number in stored {
                #expect(tier.readAndWait("/\(number)").body == PatternBody.bytes(seed: number, count: 1_000_000))
            }
            #expect(!tier.contains("/29"))
            tier.wait { tier.remove(Array("/0".utf8), onDurable: $0) }
            #expect(!tier.contains("/0"))
        }
    }
}
