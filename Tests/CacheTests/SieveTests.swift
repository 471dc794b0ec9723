// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct SieveTests {
    @Test func theOldestUnmarkedLeavesAndMarksAreSpentOnce() {
        var sieve = Sieve<Int>()
        for element in 0..<4 { _ = sieve.insert(element) }
        var marked: Set<Int> = [0, 2]
        func evict() -> Int? { sieve.evict { marked.remove($0) != nil } }
        #expect(evict() == 1)
        // The hand stands behind 1: 2 is marked and passed, 3 goes.
        #expect(evict() == 3)
        // Round to the oldest again; its mark was spent.
        #expect(evict() == 0)
        #expect(evict() == 2)
        #expect(evict() == nil)
        #expect(sieve.count == 0)
    }

    @Test func removingTheElementUnderTheHandMovesTheHand() {
        var sieve = Sieve<Int>()
        let handles = (0..<4).map { sieve.insert($0) }
        #expect(sieve.evict { $0 == 0 } == 1)
        sieve.remove(handles[2])
        #expect(sieve.evict { _ in false } == 3)
        sieve.remove(handles[0])
        #expect(sieve.count == 0)
    }

    @Test func itEndsWhenEveryElementIsHitAllTheTime() {
        var sieve = Sieve<Int>()
        for element in 0..<10 { _ = sieve.insert(element) }
        #expect(sieve.evict { _ in true } != nil)
        #expect(sieve.count == 9)
    }

    /// A popular set survives a scan, which is what LRU can not do.
    @Test func aScanDoesNotFlushWhatIsPopular() {
        var sieve = Sieve<Int>()
        var present: Set<Int> = []
        var marks: Set<Int> = []
        func request(_ key: Int) -> Bool {
            if present.contains(key) {
                marks.insert(key)
                return true
            }
            if present.count == 100, let victim = sieve.evict(takeMark: { marks.remove($0) != nil }) {
                present.remove(victim)
            }
            _ = sieve.insert(key)
            present.insert(key)
            return false
        }
        for key in 0..<50 { _ = request(key) }
        var hits = 0
        for round in 0..<200 {
            for key in 0..<50 where request(key) { hits += 1 }
            for scan in 0..<20 { _ = request(1000 + round * 20 + scan) }
        }
        #expect(hits > 200 * 50 * 9 / 10)
    }
}
