// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct SieveTests {
    @Test func theOldestUnmarkedLeavesAndMarksAreSpentOnce() {
        var cache = MarkedCache(.sieve, budgetBytes: 4)
        for key in [0, 1, 2, 3, 0, 2] { cache.request(key) }
        // 0 is passed, and 1 goes; the hand stands behind it: 2 is passed, and 3 goes. Then round to the oldest, whose
        // mark was spent.
        #expect(cache.drain() == [1, 3, 0, 2])
        #expect(cache.queue.count == 0)
        #expect(cache.evict() == nil)
    }

    @Test func removingTheElementUnderTheHandMovesTheHand() {
        var cache = MarkedCache(.sieve, budgetBytes: 4)
        for key in [0, 1, 2, 3, 0] { cache.request(key) }
        #expect(cache.evict() == 1)
        cache.remove(2)
        #expect(cache.evict() == 3)
        cache.remove(0)
        #expect(cache.queue.count == 0)
    }

    @Test func theHandDoesNotGoBackForNewcomers() {
        var cache = MarkedCache(.sieve, budgetBytes: 3)
        for key in [0, 1, 2, 0, 1, 2] { cache.request(key) }
        // One round clears all marks and takes the oldest; what comes is unmarked, but the hand stands at 1.
        cache.request(3)
        cache.request(4)
        cache.request(5)
        #expect(cache.victims == [0, 1, 2])
    }
}
