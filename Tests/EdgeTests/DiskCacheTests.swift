// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Synchronization
import Testing

@testable import Edge

@Suite struct DiskCacheTests {
    private let memory = BodyMemory(limitBytes: 1 << 30)
    private let key = CacheKey(bytes: Array("/v/1/a.m4s".utf8), hashValue64: 1)

    /// A whole object that was asked for twice.
    private func object(
        _ purges: PurgeState, body: StoredBody? = nil, tag: String = "\"a\"", lifetimeMilliseconds: Int64 = 600_000
    ) -> CachedObject {
        var facts = ObjectHead.Facts()
        facts.storability = .store(StoredFreshness(lifetimeMilliseconds: lifetimeMilliseconds))
        facts.storedMilliseconds = Clock.monotonicMilliseconds()
        let etag = (name: Array("etag".utf8), value: Array(tag.utf8))
        let head = ObjectHead(status: 200, stored: [etag], sent: [etag], facts)
        let object = CachedObject(key: key, fillWorker: 0, memory: memory, birth: purges.current)
        let whole = body ?? StoredBody(length: 3, capacityBytes: 3, memory: memory)
        object.publish(head: head, body: whole)
        if body == nil {
            [1, 2, 3].withUnsafeBytes { whole.append(UnsafeRawBufferPointer(rebasing: $0[..<3])) }
            whole.complete()
        }
        object.isWanted.store(true, ordering: .relaxed)
        return object
    }

    private func purge(_ purges: PurgeState, isSoft: Bool) throws {
        _ = purges.purge([try #require(PurgeRule(.everything, isSoft: isSoft))])
    }

    /// What the disk says of the object once all is written.
    private func judgedGeneration(_ folder: DiskFolder) throws -> UInt64? {
        try folder.withTier { tier in
            tier.readAndWait("/v/1/a.m4s").head.flatMap { DiskHead($0) }?.judgedGeneration
        }
    }

    /// A purge that comes while an object is validated is the disk's to know of too: the newer head must not hide it.
    @Test(arguments: [true, false])
    func aPurgeIsNotForgottenByTheDisk(isSoft: Bool) throws {
        let folder = DiskFolder()
        let purges = try PurgeState(folder: nil, rulesMax: 100)
        let tier = MemoryTier(budgetBytes: 1 << 20, purges: purges)
        let before = purges.current
        try folder.withTier { disk in
            let cache = DiskCache(tier: disk, budgetBytes: 64 << 20, freshSecondsMin: 1)
            let now = Clock.monotonicMilliseconds()
            let older = object(purges)
            _ = cache.isWhole(older, nowMilliseconds: now)
            disk.wait { disk.putMeta("written", [1], onDurable: $0) }
            #expect(disk.contains("/v/1/a.m4s"))
            let newer = object(purges, body: older.stored)
            try purge(purges, isSoft: isSoft)
            #expect(tier.judge(newer, nowMilliseconds: now) == isSoft)
            cache.refresh(newer, nowMilliseconds: now)
            cache.store(newer, slices: nil, nowMilliseconds: now)
        }
        #expect(try judgedGeneration(folder) == before)
    }

    /// What has taken its place is not worth a write, and yet it must not come back.
    @Test(arguments: [("\"b\"", false), ("\"a\"", true)])
    func anOlderResponseLeavesTheDisk(tag: String, isSame: Bool) throws {
        let folder = DiskFolder()
        let purges = try PurgeState(folder: nil, rulesMax: 100)
        try folder.withTier { disk in
            let cache = DiskCache(tier: disk, budgetBytes: 64 << 20, freshSecondsMin: 10)
            let now = Clock.monotonicMilliseconds()
            _ = cache.isWhole(object(purges), nowMilliseconds: now)
            disk.wait { disk.putMeta("written", [1], onDurable: $0) }
            #expect(disk.contains("/v/1/a.m4s"))
            _ = cache.isWhole(object(purges, tag: tag, lifetimeMilliseconds: 5000), nowMilliseconds: now)
            #expect(disk.contains("/v/1/a.m4s") == isSame)
        }
    }

    /// No number in a record may make a sum with the clock overflow.
    @Test func aTimeThatNoClockShowsIsRefused() throws {
        let purges = try PurgeState(folder: nil, rulesMax: 100)
        let object = object(purges)
        let head = try #require(object.head)
        func read(_ wallMilliseconds: Int64) -> DiskHead? {
            DiskHead(object, head: head, nowMilliseconds: head.storedMilliseconds, wallMilliseconds: wallMilliseconds)
                .flatMap { DiskHead($0.bytes) }
        }
        #expect(read(1_700_000_000_000) != nil)
        for time in [Int64.min, -1, Int64.max] { #expect(read(time) == nil) }
    }
}
