// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct GhostQueueTests {
    @Test func theOldestAreForgottenByBytes() {
        var ghosts = GhostQueue(bytesMax: 100, entriesMax: 1000)
        for key in 0..<15 { ghosts.insert(UInt64(key), bytes: 10) }
        #expect(ghosts.count == 10)
        #expect(ghosts.bytes == 100)
        #expect(!ghosts.contains(4))
        #expect(ghosts.contains(5))
        // Larger than all: nothing is remembered, not even it.
        ghosts.insert(99, bytes: 101)
        #expect(ghosts.count == 0)
        #expect(ghosts.bytes == 0)
    }

    @Test func theOldestAreForgottenByNumber() {
        var ghosts = GhostQueue(bytesMax: 100, entriesMax: 3)
        for key in 0..<100 { ghosts.insert(UInt64(key), bytes: 0) }
        #expect(ghosts.count == 3)
        #expect(ghosts.contains(97) && !ghosts.contains(96))
    }

    @Test func whatIsTakenOrComesAgainCountsOnce() {
        var ghosts = GhostQueue(bytesMax: 30, entriesMax: 100)
        ghosts.insert(1, bytes: 10)
        ghosts.insert(2, bytes: 10)
        ghosts.insert(1, bytes: 10)
        #expect(ghosts.count == 2 && ghosts.bytes == 20)
        // 1 is the newest now.
        ghosts.insert(3, bytes: 10)
        ghosts.insert(4, bytes: 10)
        #expect(!ghosts.contains(2) && ghosts.contains(1))
        #expect(ghosts.take(1) && !ghosts.take(1))
        #expect(ghosts.bytes == 20)
    }

    @Test(arguments: 0..<10 as Range<UInt64>) func theRingHoldsWhatAListHolds(seed: UInt64) {
        var random = SplitMix(state: seed)
        var ghosts = GhostQueue(bytesMax: 1000, entriesMax: 1000)
        var list: [(key: UInt64, bytes: Int)] = []
        for _ in 0..<3000 {
            let key = UInt64.random(in: 0..<100, using: &random)
            if Bool.random(using: &random) {
                #expect(ghosts.take(key) == list.contains { $0.key == key })
                list.removeAll { $0.key == key }
            } else {
                let bytes = Int.random(in: 0...100, using: &random)
                ghosts.insert(key, bytes: bytes)
                list.removeAll { $0.key == key }
                list.append((key, bytes))
                while list.reduce(0, { $0 + $1.bytes }) > 1000 { list.removeFirst() }
            }
            #expect(ghosts.count == list.count && ghosts.bytes == list.reduce(0) { $0 + $1.bytes })
        }
    }
}
