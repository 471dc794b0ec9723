// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct EvictionMarkTests {
    @Test func hitsAreCountedUpToThreeAndTakenOnce() {
        let mark = EvictionMark()
        #expect(mark.take() == EvictionMark.Use(hits: 0, tick: 0))
        mark.hit(tick: 5)
        mark.hit(tick: 6)
        #expect(mark.take() == EvictionMark.Use(hits: 2, tick: 6))
        #expect(mark.take() == EvictionMark.Use(hits: 0, tick: 6))
        for tick in 7..<20 { mark.hit(tick: UInt64(tick)) }
        #expect(mark.take() == EvictionMark.Use(hits: 3, tick: 19))
    }

    @Test func aTickIsAnEighthOfASecond() {
        #expect(EvictionMark.tick(milliseconds: 127) == 0)
        #expect(EvictionMark.tick(milliseconds: 128) == 1)
        #expect(EvictionMark.tick(milliseconds: -1) == 0)
        let mark = EvictionMark()
        let late = EvictionMark.tick(milliseconds: .max)
        mark.hit(tick: late)
        #expect(mark.take().tick == late)
    }
}
