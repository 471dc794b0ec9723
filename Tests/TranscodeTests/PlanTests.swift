// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import Testing

@testable import Transcode

@Suite struct PlanTests {
    @Test(arguments: [
        ((24, 1), (24, 1), (24, 1)), ((24000, 1001), (24000, 1001), (24000, 1001)),
        ((30000, 1001), (30000, 1001), (30000, 1001)), ((2997, 100), (30, 1), (30000, 1001)),
        ((60, 1), (60, 1), (60, 1)), ((120, 1), (120, 1), (60, 1)), ((50, 1), (100, 1), (50, 1)),
        ((25, 2), (25, 2), (25, 2)), ((289, 10), (90000, 1), (30000, 1001)), ((1, 1), (1, 1), (5, 1)),
        ((0, 0), (0, 0), (25, 1)), ((1_000_000, 1), (1_000_000, 1), (60, 1)),
    ])
    func theRateOfASource(average: (Int32, Int32), declared: (Int32, Int32), expected: (Int, Int)) {
        let rate = FrameRate.output(
            average: AVRational(num: average.0, den: average.1), declared: AVRational(num: declared.0, den: declared.1))
        #expect(rate == FrameRate(numerator: expected.0, denominator: expected.1))
    }

    @Test(arguments: [
        (24, 1, 48, 144), (24000, 1001, 48, 144), (25, 1, 50, 150), (30000, 1001, 60, 180), (60, 1, 120, 360),
        (25, 2, 25, 75), (5, 1, 10, 30),
    ])
    func theGridOfARate(numerator: Int, denominator: Int, gop: Int, segment: Int) {
        let plan = SegmentPlan(frameRate: FrameRate(numerator: numerator, denominator: denominator))
        #expect(plan.gopFrames == gop)
        #expect(plan.segmentFrames == segment)
        // No segment with its rest may round to 7 s.
        #expect(plan.frameRate.seconds(frames: plan.segmentFrames + plan.slackFrames) < 6.5)
        #expect(plan.cuts(frames: segment + plan.slackFrames) == 0)
        #expect(plan.cuts(frames: segment + plan.slackFrames + 1) == 1)
        #expect(plan.cuts(frames: 2 * segment) == 1)
        #expect(plan.cuts(frames: 0) == 0)
    }

    @Test func audioCutsAreTheNearestFrames() {
        let plan = SegmentPlan(frameRate: FrameRate(numerator: 30000, denominator: 1001))
        for index in 0..<100 {
            let video = plan.frameRate.seconds(frames: plan.videoStart(segment: index))
            let audio = Double(plan.audioStart(segment: index) * 1024) / 48000
            #expect(abs(video - audio) <= 512.0 / 48000 + 1e-9)
        }
    }

    @Test func theClockRepeatsDropsAndHolds() throws {
        var clock = FrameClock(frameRate: FrameRate(numerator: 10, denominator: 1))
        var shown: [ObjectIdentifier] = []
        let frames = try (0..<4).map { _ in try Frame() }
        func emit(_ frame: Frame, _ number: Int) {
            #expect(number == shown.count)
            shown.append(ObjectIdentifier(frame))
        }
        // Late start, a gap, and two frames for one place.
        try clock.push(frames[0], seconds: 0.2, emit: emit)
        try clock.push(frames[1], seconds: 0.5, emit: emit)
        try clock.push(frames[2], seconds: 0.52, emit: emit)
        try clock.push(frames[3], seconds: 0.6, emit: emit)
        try clock.finish(endSeconds: 0.8, emit: emit)
        let expected = [0, 0, 0, 0, 0, 2, 3, 3].map { ObjectIdentifier(frames[$0]) }
        #expect(shown == expected)
    }

    @Test func languagesAreTagged() {
        #expect(LanguageTag.fromISO639("eng") == "en")
        #expect(LanguageTag.fromISO639("GER") == "de")
        #expect(LanguageTag.fromISO639("yue") == "yue")
        #expect(LanguageTag.fromISO639("x\"\n") == "und")
    }
}
