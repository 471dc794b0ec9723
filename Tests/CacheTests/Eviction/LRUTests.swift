// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct LRUTests {
    @Test func theLeastRecentlyUsedLeaves() {
        var cache = MarkedCache(.lru, budgetBytes: 4)
        for key in [0, 1, 2, 3, 1, 0, 3] { cache.request(key) }
        #expect(cache.drain() == [2, 1, 0, 3])
    }

    @Test func inOneTickTheFirstToComeLeavesFirst() {
        var queue = EvictionQueue<Int>(policy: .lru, budgetBytes: 10)
        for key in 0..<4 { _ = queue.insert(key, bytes: 1, fingerprint: 0, tick: 7) }
        var left: [Int] = []
        while let victim = queue.evict(takeMark: { _ in EvictionMark.Use(hits: 1, tick: 7) }) { left.append(victim) }
        #expect(left == [0, 1, 2, 3])
    }

    /// Beside a list that every hit reorders, with removals.
    @Test(arguments: 0..<20 as Range<UInt64>) func itIsExactlyLRU(seed: UInt64) {
        var random = SplitMix(state: seed)
        var cache = MarkedCache(.lru, budgetBytes: 50)
        var recent: [Int] = []
        var expected: [Int] = []
        for _ in 0..<3000 {
            let key = Int.random(in: 0..<120, using: &random)
            if Int.random(in: 0..<20, using: &random) == 0 {
                recent.removeAll { $0 == key }
                cache.remove(key)
                continue
            }
            let wasThere = recent.contains(key)
            if !wasThere, recent.count == 50 { expected.append(recent.removeFirst()) }
            recent.removeAll { $0 == key }
            recent.append(key)
            #expect(cache.request(key) == wasThere)
        }
        #expect(cache.victims == expected)
        #expect(cache.drain() == recent)
    }
}

/// SplitMix64 (Steele et al., "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
