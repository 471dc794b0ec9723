// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

/// What holds for every policy.
@Suite struct EvictionQueueTests {
    @Test(arguments: EvictionPolicy.allCases) func anEmptyQueueEvictsNothing(policy: EvictionPolicy) {
        var queue = EvictionQueue<Int>(policy: policy, budgetBytes: 10)
        #expect(queue.evict { _ in EvictionMark.Use(hits: 0, tick: 0) } == nil)
    }

    @Test(arguments: EvictionPolicy.allCases) func itEndsWhenEveryElementIsHitAllTheTime(policy: EvictionPolicy) {
        var queue = EvictionQueue<Int>(policy: policy, budgetBytes: 10)
        for key in 0..<10 { _ = queue.insert(key, bytes: 1, fingerprint: UInt64(key), tick: 0) }
        var tick: UInt64 = 0
        let victim = queue.evict { _ in
            tick += 1
            return EvictionMark.Use(hits: 3, tick: tick)
        }
        #expect(victim != nil)
        #expect(queue.count == 9)
    }

    @Test(arguments: EvictionPolicy.allCases) func oneEvictionLooksAtALimitedNumber(policy: EvictionPolicy) {
        let most = EvictionQueue<Int>.looksMax
        var queue = EvictionQueue<Int>(policy: policy, budgetBytes: 1 << 20)
        for key in 0..<(2 * most) { _ = queue.insert(key, bytes: 1, fingerprint: UInt64(key), tick: 0) }
        var looks = 0
        _ = queue.evict { _ in
            looks += 1
            return EvictionMark.Use(hits: 3, tick: UInt64(looks))
        }
        #expect(looks <= most)
        #expect(looks > most / 2)
    }

    @Test(arguments: EvictionPolicy.allCases) func handlesAreUsedAgain(policy: EvictionPolicy) {
        var cache = MarkedCache(policy, budgetBytes: 3)
        for key in 0..<3 { cache.request(key) }
        cache.remove(1)
        cache.request(9)
        #expect(Set(cache.drain()) == [0, 2, 9])
    }

    /// Beside a dictionary: what is in, what it takes, and that each leaves once.
    @Test(arguments: EvictionPolicy.allCases, 0..<20 as Range<UInt64>)
    func countsAndBytesHoldAndEachElementLeavesOnce(policy: EvictionPolicy, seed: UInt64) {
        var random = SplitMix(state: seed)
        let budget = 10_000
        var cache = MarkedCache(policy, budgetBytes: budget)
        var model: [Int: Int] = [:]
        for _ in 0..<5000 {
            // A few keys come again and again.
            let key = Int.random(in: 0..<Int.random(in: 1...400, using: &random), using: &random)
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                cache.remove(key)
                model[key] = nil
            case 1 where model[key] != nil:
                model[key] = Int.random(in: 0...500, using: &random)
                cache.resize(key, bytes: model[key] ?? 0)
                while cache.queue.bytes > budget, let victim = cache.evict() { model[victim] = nil }
            default:
                let isLarge = Int.random(in: 0..<50, using: &random) == 0
                let bytes = Int.random(in: 0...(isLarge ? budget : 300), using: &random)
                let before = cache.victims.count
                guard !cache.request(key, bytes: bytes) else { break }
                for victim in cache.victims[before...] {
                    #expect(model.removeValue(forKey: victim) != nil, "it was there, and leaves once")
                }
                model[key] = bytes
            }
            guard cache.queue.count == model.count, cache.queue.bytes == model.values.reduce(0, +),
                cache.queue.bytes <= budget, Set(cache.uses.keys) == Set(model.keys)
            else {
                Issue.record("the queue and the model differ")
                return
            }
        }
        #expect(cache.drain().sorted() == model.keys.sorted())
        #expect(cache.queue.bytes == 0)
    }

    /// A popular set survives a scan, which is what LRU can not do.
    @Test(arguments: EvictionPolicy.allCases) func aScanDoesNotFlushWhatIsPopular(policy: EvictionPolicy) {
        var cache = MarkedCache(policy, budgetBytes: 100)
        var hits = 0
        for _ in 0..<5 { for key in 0..<80 { cache.request(key) } }
        // A scan of ten times the cache's size, with one popular request to four of the scan.
        for scan in 0..<1000 {
            cache.request(1000 + scan)
            if scan % 4 == 0, cache.request(scan / 4 % 80) { hits += 1 }
        }
        #expect(policy == .lru ? hits < 50 : hits > 225, "of 250")
    }
}
