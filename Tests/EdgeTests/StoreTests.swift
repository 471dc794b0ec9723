// SPDX-License-Identifier: Apache-2.0

import Cache
import Net
import Synchronization
import Testing

@testable import Edge

private let memory = BodyMemory(limitBytes: 1 << 30)
private let hasher = KeyHasher(seed: 1)

private func key(_ path: String) -> CacheKey {
    let bytes = Array(path.utf8)
    return CacheKey(bytes: bytes, hashValue64: bytes.withUnsafeBytes { hasher.hash($0) })
}

private func head(_ storability: Storability) -> ObjectHead {
    ObjectHead(
        status: 200, fields: [], isCompressible: false, storability: storability, initialAgeSeconds: 0,
        storedMilliseconds: 0, upstreamCacheStatus: [])
}

private let fresh = Storability.store(freshMilliseconds: 1000, staleWhileRevalidateMilliseconds: 500)

/// A whole object of `count` bytes that count up from 0.
private func whole(_ path: String, _ count: Int, storability: Storability = fresh) -> CachedObject {
    let object = CachedObject(key: key(path), fillWorker: 0, memory: memory)
    fill(object, count, storability: storability)
    return object
}

private func fill(_ object: CachedObject, _ count: Int, storability: Storability = fresh) {
    object.publish(head: head(storability), length: count, capacityBytes: 1 << 20, nowMilliseconds: 0)
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    bytes.withUnsafeBytes { object.append($0) }
    object.complete()
}

@Suite struct CachedObjectTests {
    private func read(_ object: CachedObject) -> (bytes: [UInt8], end: String) {
        var bytes: [UInt8] = []
        while true {
            switch object.window(at: bytes.count) {
            case .bytes(let piece): bytes.append(contentsOf: piece)
            case .pending: return (bytes, "pending")
            case .end: return (bytes, "end")
            case .failed: return (bytes, "failed")
            }
        }
    }

    @Test func bytesCanBeReadAsTheyArriveInAnyPieces() {
        let object = CachedObject(key: key("/a"), fillWorker: 0, memory: memory)
        #expect(read(object).end == "pending")
        let count = 2 * CachedObject.sliceBytes + 77
        object.publish(head: head(fresh), length: count, capacityBytes: 1 << 20, nowMilliseconds: 0)
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 3) }
        var position = 0
        var piece = 1
        while position < count {
            let end = min(count, position + piece)
            bytes[position..<end].withUnsafeBytes { object.append($0) }
            position = end
            piece = piece * 3 + 1
            #expect(read(object) == (Array(bytes[..<position]), "pending"))
        }
        object.complete()
        #expect(read(object) == (bytes, "end"))
        #expect(object.length == count)
    }

    /// A body for one reader: what it has taken is given back, what it has not is there.
    @Test func slicesBehindTheOnlyReaderAreGivenUp() {
        let memory = BodyMemory(limitBytes: 1 << 30)
        var object: CachedObject? = CachedObject(key: key("/a"), fillWorker: 0, memory: memory)
        object?.isUncacheable.store(true, ordering: .relaxed)
        object?.publish(head: head(.uncacheable), length: nil, capacityBytes: 64 << 20, nowMilliseconds: 0)
        let atMost = memory.usedBytes
        #expect(atMost >= CachedObject.aheadBytesMax)
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        for round in 1...200 {
            bytes.withUnsafeBytes { object?.append($0) }
            let position = round * bytes.count - 1234
            object?.discard(before: position)
            guard case .bytes(let view)? = object?.window(at: position) else {
                Issue.record("the bytes at \(position) are gone")
                return
            }
            #expect(view[0] == bytes[bytes.count - 1234])
        }
        #expect(memory.usedBytes == atMost)
        object = nil
        #expect(memory.usedBytes == 0)
    }

    @Test func aBodyCountsInMemoryFromItsHeadOnWhenItsLengthIsKnown() {
        let memory = BodyMemory(limitBytes: 1 << 20)
        var known: CachedObject? = CachedObject(key: key("/a"), fillWorker: 0, memory: memory)
        known?.publish(head: head(fresh), length: 3 << 20, capacityBytes: 4 << 20, nowMilliseconds: 0)
        #expect(memory.usedBytes == 3 << 20 && memory.isExhausted)
        known = nil
        #expect(memory.usedBytes == 0)
        // A short body of unknown length does not take a whole large slice.
        let unknown = CachedObject(key: key("/b"), fillWorker: 0, memory: memory)
        unknown.publish(head: head(fresh), length: nil, capacityBytes: 4 << 20, nowMilliseconds: 0)
        [UInt8](repeating: 1, count: 10).withUnsafeBytes { unknown.append($0) }
        #expect(memory.usedBytes <= 64 << 10)
    }

    @Test func anObjectOfUnknownLengthLearnsItAtTheEnd() {
        let object = CachedObject(key: key("/a"), fillWorker: 0, memory: memory)
        object.publish(head: head(fresh), length: nil, capacityBytes: 1 << 20, nowMilliseconds: 0)
        [UInt8](repeating: 1, count: 300_000).withUnsafeBytes { object.append($0) }
        #expect(object.length == nil)
        object.complete()
        #expect(object.length == 300_000)
        #expect(read(object).bytes.count == 300_000)
    }

    @Test func aFailedObjectIsNeverTakenForWhole() {
        let object = CachedObject(key: key("/a"), fillWorker: 0, memory: memory)
        object.publish(head: head(fresh), length: 10, capacityBytes: 1 << 20, nowMilliseconds: 0)
        [UInt8](repeating: 1, count: 10).withUnsafeBytes { object.append($0) }
        object.fail(.died)
        #expect(read(object).end == "failed")
        #expect(object.outcome == .died)
        let isWithdrawn = object.isWithdrawn.load(ordering: .relaxed)
        #expect(isWithdrawn)
    }

    @Test func everyWaitingWorkerIsNamedOnce() {
        let object = CachedObject(key: key("/a"), fillWorker: 0, memory: memory)
        object.awaitProgress(worker: 0)
        object.awaitProgress(worker: 5)
        object.awaitProgress(worker: 5)
        #expect(object.takeWaitingWorkers() == 0b100001)
        #expect(object.takeWaitingWorkers() == 0)
    }
}

@Suite struct MemoryTierTests {
    private func kind(_ obtained: MemoryTier.Obtained) -> String {
        switch obtained {
        case .existing: "existing"
        case .elected: "elected"
        case .stale(_, let revalidate): revalidate ? "stale, revalidate" : "stale"
        case .uncacheable: "uncacheable"
        }
    }

    private func ask(_ tier: MemoryTier, _ path: String, at now: Int64) -> String {
        kind(
            tier.obtain(key(path), nowMilliseconds: now) { CachedObject(key: key(path), fillWorker: 0, memory: memory) }
        )
    }

    @Test func oneIsElectedAndTheOthersJoin() {
        let tier = MemoryTier(budgetBytes: 1 << 20)
        #expect(ask(tier, "/a", at: 0) == "elected")
        #expect(ask(tier, "/a", at: 0) == "existing")
        #expect(ask(tier, "/b", at: 0) == "elected")
    }

    @Test func freshThenStaleThenFetchedAgain() {
        let tier = MemoryTier(budgetBytes: 1 << 20)
        let object = whole("/a", 10)
        tier.admit(object)
        #expect(ask(tier, "/a", at: 999) == "existing")
        #expect(ask(tier, "/a", at: 1000) == "stale, revalidate")
        #expect(ask(tier, "/a", at: 1001) == "stale")
        #expect(ask(tier, "/a", at: 1500) == "elected")
        let isWithdrawn = object.isWithdrawn.load(ordering: .relaxed)
        #expect(isWithdrawn)
        #expect(tier.usage.objects == 0)
    }

    @Test func aWithdrawnObjectIsNotFound() {
        let tier = MemoryTier(budgetBytes: 1 << 20)
        let object = whole("/a", 10)
        tier.admit(object)
        tier.withdraw(object)
        #expect(ask(tier, "/a", at: 0) == "elected")
        #expect(tier.usage.bytes == 0)
    }

    @Test func anUncacheableKeyIsRememberedForAWhile() {
        let tier = MemoryTier(budgetBytes: 1 << 20)
        tier.markUncacheable(key("/a"), nowMilliseconds: 0)
        #expect(ask(tier, "/a", at: 9999) == "uncacheable")
        #expect(ask(tier, "/a", at: 10_000) == "elected")
    }

    @Test func theBudgetHoldsAndWhatWasHitStays() {
        let size = 10_000
        let cost = size + CachedObject.overheadBytes
        let tier = MemoryTier(budgetBytes: 10 * cost)
        let popular = whole("/popular", size)
        tier.admit(popular)
        for index in 0..<100 {
            popular.mark.hit(tick: 1)
            tier.admit(whole("/\(index)", size))
            #expect(tier.usage.bytes <= 10 * cost)
        }
        #expect(tier.usage.objects == 10)
        #expect(ask(tier, "/popular", at: 0) == "existing")
        #expect(ask(tier, "/0", at: 0) == "elected")
    }

    @Test func aReplacementTakesThePlaceAndTheBudgetOfTheOld() {
        let tier = MemoryTier(budgetBytes: 1 << 20)
        tier.admit(whole("/a", 1000))
        tier.admit(whole("/a", 500))
        #expect(tier.usage == (500 + CachedObject.overheadBytes, 1))
    }
}

@Suite struct NearCacheTests {
    private func find(_ cache: NearCache, _ path: String, at now: Int64) -> Bool {
        let key = key(path)
        return key.bytes.withUnsafeBytes { cache.find($0, hash: key.hashValue64, nowMilliseconds: now) } != nil
    }

    @Test func onlyWhatIsFreshAndNotWithdrawnIsFound() {
        var cache = NearCache()
        let object = whole("/a", 10)
        cache.insert(object)
        #expect(find(cache, "/a", at: 999))
        #expect(!find(cache, "/a", at: 1000))
        #expect(!find(cache, "/b", at: 0))
        object.isWithdrawn.store(true, ordering: .relaxed)
        #expect(!find(cache, "/a", at: 0))
    }

    @Test func aSweepLetsGoOfWithdrawnObjects() {
        var cache = NearCache()
        weak var released: CachedObject?
        do {
            let object = whole("/a", 10)
            released = object
            cache.insert(object)
            object.isWithdrawn.store(true, ordering: .relaxed)
        }
        #expect(released != nil)
        cache.sweep()
        #expect(released == nil)
    }

    /// Equal hashes are not enough.
    @Test func aCollisionIsAMiss() {
        var cache = NearCache()
        let object = CachedObject(
            key: CacheKey(bytes: Array("/a".utf8), hashValue64: 42), fillWorker: 0, memory: memory)
        fill(object, 1)
        cache.insert(object)
        #expect(Array("/b".utf8).withUnsafeBytes { cache.find($0, hash: 42, nowMilliseconds: 0) } == nil)
        #expect(Array("/a".utf8).withUnsafeBytes { cache.find($0, hash: 42, nowMilliseconds: 0) } != nil)
    }
}
