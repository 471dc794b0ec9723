// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

/// Examples of RFC 8216 section 4.1, worked out by hand.
@Suite struct BandwidthTests {
    func measures(_ list: [(bytes: Int, seconds: Double)]) -> [SegmentMeasure] {
        list.map { SegmentMeasure(bytes: $0.bytes, durationSeconds: $0.seconds) }
    }

    @Test func equalSegmentsHaveTheirOwnRate() {
        let segments = measures([(600_000, 6), (600_000, 6), (600_000, 6)])
        #expect(peakSegmentBitRate(segments, targetDurationSeconds: 6) == 800_000)
        #expect(averageSegmentBitRate(segments) == 800_000)
    }

    @Test func aShortLastSegmentCountsOnlyWithItsNeighbour() {
        // Alone 1 s is below half of 6 s: its 4,000,000 b/s do not count. With the one before, 7 s are within
        // 3 to 9 s: (600,000 + 500,000) * 8 / 7 = 1,257,142.86. All three take 13 s, too long for a window.
        let segments = measures([(600_000, 6), (600_000, 6), (500_000, 1)])
        #expect(peakSegmentBitRate(segments, targetDurationSeconds: 6) == 1_257_143)
        // 1,700,000 * 8 / 13 = 1,046,153.85
        #expect(averageSegmentBitRate(segments) == 1_046_154)
    }

    @Test func aSegmentOfExactlyHalfATargetCounts() {
        // 3 s are half of 6 s: 450,000 * 8 / 3 = 1,200,000; with its neighbour (9 s, exactly 1.5 targets) less.
        let segments = measures([(600_000, 6), (450_000, 3)])
        #expect(peakSegmentBitRate(segments, targetDurationSeconds: 6) == 1_200_000)
        // Slightly shorter: only the whole of 8.99 s does: 1,050,000 * 8 / 8.99 = 934,371.52
        let shorter = measures([(600_000, 6), (450_000, 2.99)])
        #expect(peakSegmentBitRate(shorter, targetDurationSeconds: 6) == 934_372)
    }

    @Test func severalShortSegmentsMakeWindows() {
        // Target 4: windows of 2 to 6 s. [B C] = 2.5 s: 500,000 * 8 / 2.5 = 1,600,000. [A B C] = 5.5 s: less.
        let segments = measures([(100_000, 3), (300_000, 1.5), (200_000, 1), (100_000, 4)])
        #expect(peakSegmentBitRate(segments, targetDurationSeconds: 4) == 1_600_000)
        // 700,000 * 8 / 9.5 = 589,473.68
        #expect(averageSegmentBitRate(segments) == 589_474)
    }

    @Test func thePeakMayStandAnywhere() {
        let quiet = (bytes: 100_000, seconds: 6.0)
        for place in 0..<5 {
            var list = [quiet, quiet, quiet, quiet, quiet]
            list[place].bytes = 900_000
            #expect(peakSegmentBitRate(measures(list), targetDurationSeconds: 6) == 1_200_000)
        }
    }

    @Test func aVideoShorterThanHalfATargetHasItsAverageAsPeak() {
        let segments = measures([(250_000, 2)])
        #expect(peakSegmentBitRate(segments, targetDurationSeconds: 6) == 1_000_000)
    }

    @Test func nothingHasNoRateAndRatesAreRoundedUp() {
        #expect(peakSegmentBitRate([], targetDurationSeconds: 6) == 0)
        #expect(averageSegmentBitRate([]) == 0)
        #expect(averageSegmentBitRate(measures([(10, 0)])) == 0)
        // 1 * 8 / 3 = 2.67
        #expect(averageSegmentBitRate(measures([(1, 3)])) == 3)
    }

    @Test func absurdDurationsDoNotTrap() {
        let segments = measures([(Int.max / 2, 1e-300), (0, .infinity)])
        #expect(averageSegmentBitRate([segments[0]]) > 0)
        #expect(peakSegmentBitRate(segments, targetDurationSeconds: 0) >= 0)
    }
}
