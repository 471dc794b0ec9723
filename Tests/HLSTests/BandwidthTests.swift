// SPDX-License-Identifier: Apache-2.0

import HLS
import Testing

@Suite struct BandwidthTests {
    private func segments(_ pairs: [(Int, Double)]) -> [SegmentMeasure] {
        pairs.map { SegmentMeasure(bytes: $0.0, durationSeconds: $0.1) }
    }

    @Test func thePeakIsTheLargestRateOfARunNearTheTarget() {
        // 6 s windows: 8000 bit/s; the first two segments alone are not a run of 3 s or more.
        let measured = segments([(3000, 1), (1000, 1), (2000, 4), (6000, 6), (1000, 6)])
        // 1 + 1 + 4 s: 6000 bytes in 6 s. 4 s + … is 10 s: too long. So 6000 * 8 / 6.
        #expect(peakSegmentBitRate(measured, targetDurationSeconds: 6) == 8000)
        #expect(averageSegmentBitRate(measured) == 13000 * 8 / 18 + 1)
    }

    @Test func aShortLastSegmentDoesNotCountAlone() {
        // 0.5 s at a huge rate: in a run with the segment before it is 6.5 s.
        let measured = segments([(6000, 6), (6500, 0.5)])
        #expect(peakSegmentBitRate(measured, targetDurationSeconds: 6) == Int((12500.0 * 8 / 6.5).rounded(.up)))
    }

    @Test func aClipOfLessThanHalfATargetHasItsWholeRate() {
        #expect(peakSegmentBitRate(segments([(500, 1)]), targetDurationSeconds: 6) == 4000)
    }

    @Test func nothingHasNoRate() {
        #expect(peakSegmentBitRate([], targetDurationSeconds: 6) == 0)
        #expect(averageSegmentBitRate([]) == 0)
    }
}
