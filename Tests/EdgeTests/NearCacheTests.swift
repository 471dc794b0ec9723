// SPDX-License-Identifier: Apache-2.0

import Cache
import Net
import Synchronization
import Testing

@testable import Edge

@Suite struct NearCacheTests: StoreSuite {
    private func find(_ cache: NearCache, _ path: String, at now: Int64) -> Bool {
        let key = key(path)
        return key.bytes.withUnsafeBytes {
            cache.find($0, hash: key.hashValue64, nowMilliseconds: now, generation: purges.current)
        } != nil
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
            key: CacheKey(bytes: Array("/a".utf8), hashValue64: 42), fillWorker: 0, memory: memory,
            birth: purges.current)
        fill(object, 1)
        cache.insert(object)
        #expect(
            Array("/b".utf8).withUnsafeBytes {
                cache.find($0, hash: 42, nowMilliseconds: 0, generation: purges.current)
            } == nil)
        #expect(
            Array("/a".utf8).withUnsafeBytes {
                cache.find($0, hash: 42, nowMilliseconds: 0, generation: purges.current)
            } != nil)
    }
}
