// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

/// A budget of 10 gives the small queue 1 byte, a budget of 100 gives it 10.
@Suite struct S3FIFOTests {
    @Test func whatIsNotHitTwiceLeavesTheSmallQueueFirst() {
        var cache = MarkedCache(.s3fifo, budgetBytes: 10)
        for key in 0..<10 { cache.request(key) }
        for key in [0, 1, 1, 2, 2, 2] { cache.request(key) }
        // 0 was hit once: gone. 1 and 2 go to the main queue, and 3 leaves.
        cache.request(10)
        cache.request(11)
        #expect(cache.victims == [0, 3])
        // The small queue is emptied down to its share, one byte; then the main queue's oldest is taken.
        #expect(cache.drain() == [4, 5, 6, 7, 8, 9, 10, 11, 1, 2])
    }

    @Test func whatComesBackSoonGoesToTheMainQueue() {
        var cache = MarkedCache(.s3fifo, budgetBytes: 10)
        for key in 0..<11 { cache.request(key) }
        #expect(cache.victims == [0])
        // 0 is remembered; it outlives all that come once after it.
        cache.request(0)
        for key in 20..<40 { cache.request(key) }
        #expect(cache.uses[0] != nil)
        #expect(!cache.victims.dropFirst().contains(0))
    }

    @Test func theGhostsAreForgottenInTime() {
        var cache = MarkedCache(.s3fifo, budgetBytes: 100)
        cache.request(0, bytes: 10)
        // The ghosts hold 90 bytes: 0 was forgotten when nine others have left after it.
        for key in 1..<20 { cache.request(key, bytes: 10) }
        #expect(cache.victims == Array(0..<10))
        cache.request(0, bytes: 10)
        for key in 30..<41 { cache.request(key, bytes: 10) }
        #expect(cache.uses[0] == nil)
    }

    @Test func aHitInTheMainQueueIsARoundMoreForEachUpToThree() {
        var cache = MarkedCache(.s3fifo, budgetBytes: 3)
        for key in [0, 1, 2] { cache.request(key) }
        for key in [0, 1, 2, 0, 1, 2] { cache.request(key) }
        cache.request(3)
        // All three went to the main queue, and the oldest of them left.
        #expect(cache.victims == [0])
        for _ in 0..<9 { cache.request(2) }
        cache.request(1)
        // 1 is passed once, 2 three times; 3 is in the small queue, above its share of one byte.
        #expect(cache.drain() == [3, 1, 2])
    }

    @Test func anElementLargerThanTheSmallQueueIsTakenInFromTheMainQueuesRoom() {
        var cache = MarkedCache(.s3fifo, budgetBytes: 100)
        // 0 to 8 come into the main queue, 90 bytes; 9 fills the small one.
        for key in 0..<9 { cache.request(key, bytes: 10) }
        for key in 0..<9 { for _ in 0..<2 { cache.request(key) } }
        cache.request(9, bytes: 10)
        // 30 bytes, three times the small queue: 9 and two of the main queue go, which is where the rest is.
        cache.request(10, bytes: 30)
        #expect(cache.victims == [9, 0, 1])
        #expect(cache.queue.bytes == 100)
        // It waits its turn, and leaves before the main queue does: it was not hit.
        cache.request(11, bytes: 10)
        #expect(cache.victims == [9, 0, 1, 10])
        // Remembered, it is one of the main queue's.
        cache.request(10, bytes: 30)
        cache.request(12, bytes: 10)
        cache.request(13, bytes: 10)
        #expect(cache.uses[10] != nil)
    }
}
