// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Transcode

/// The arithmetic of frame rates, cuts and times.
@Suite struct PlanTests {
    static func rate(_ numerator: Int, _ denominator: Int = 1) -> FrameRate {
        FrameRate(numerator: numerator, denominator: denominator)
    }

    func output(_ average: FrameRate, declared: FrameRate? = nil) -> FrameRate {
        FrameRate.output(average: average.rational, declared: (declared ?? average).rational)
    }

    @Test func frameRatesAreKeptOrMadeStandard() {
        #expect(output(Self.rate(25)) == Self.rate(25))
        #expect(output(Self.rate(30000, 1001)) == Self.rate(30000, 1001))
        // A file's rounding of 23.976.
        #expect(output(Self.rate(2997, 125)) == Self.rate(24000, 1001))
        // A constant rate that is not a usual one.
        #expect(output(Self.rate(18)) == Self.rate(18))
        // A varying rate declared with its clock's.
        #expect(output(Self.rate(173, 10), declared: Self.rate(90_000)) == Self.rate(20))
        #expect(output(Self.rate(2), declared: Self.rate(30)) == Self.rate(5))
        // Above 60: halves.
        #expect(output(Self.rate(120)) == Self.rate(60))
        #expect(output(Self.rate(100)) == Self.rate(50))
        #expect(output(Self.rate(240_000, 1001)) == Self.rate(60000, 1001))
        // Nonsense.
        #expect(output(Self.rate(0)) == Self.rate(25))
        #expect(output(Self.rate(90_000)) == Self.rate(60))
        #expect(output(Self.rate(1, 1000)) == Self.rate(5))
    }

    @Test(arguments: [rate(25), rate(30000, 1001), rate(24000, 1001), rate(5), rate(60), rate(18), rate(12), rate(15)])
    func segmentsAreSixSecondsOfTwoSecondGroups(rate: FrameRate) {
        let plan = SegmentPlan(frameRate: rate)
        #expect(abs(rate.seconds(frames: plan.gopFrames) - 2) <= 0.1)
        #expect(plan.segmentFrames == 3 * plan.gopFrames)
        for frames in 1...2000 {
            let cuts = plan.cuts(frames: frames)
            let last = frames - plan.videoStart(segment: cuts)
            // The last segment has frames, and never so many that its duration rounds up above the target.
            #expect(last > 0)
            #expect(rate.seconds(frames: last) < 6.5)
            // A cut is made as soon as it must be, and then stands.
            #expect(plan.cuts(frames: frames + 1) >= cuts)
            #expect(cuts == 0 || last > plan.slackFrames)
        }
    }

    @Test func cutsOf25FramesASecond() {
        let plan = SegmentPlan(frameRate: Self.rate(25))
        #expect(plan.gopFrames == 50 && plan.segmentFrames == 150)
        // 162 frames are 6.48 s: one segment. 163 are cut at 150.
        #expect(plan.cuts(frames: 162) == 0)
        #expect(plan.cuts(frames: 163) == 1)
        #expect(plan.cuts(frames: 325) == 2)
        // 6 s of sound are 281.25 AAC frames.
        #expect(plan.audioStart(segment: 1) == 281)
        #expect(plan.audioStart(segment: 2) == 563)
        #expect(plan.audioFrames(videoFrames: 0) == 0)
    }

    /// Which source frame each output frame shows; `seconds` are the source frames' times.
    func shown(_ seconds: [Double], end: Double, rate: FrameRate = rate(10)) throws -> [Int] {
        var clock = FrameClock(frameRate: rate)
        let frames = try seconds.map { _ in try Frame() }
        var shown: [Int] = []
        func emit(_ frame: Frame, _ number: Int) {
            #expect(number == shown.count)
            shown.append(frames.firstIndex { $0 === frame } ?? -1)
        }
        for (frame, time) in zip(frames, seconds) { try clock.push(frame, seconds: time, emit: emit) }
        try clock.finish(endSeconds: end, emit: emit)
        #expect(clock.nextFrame == shown.count)
        return shown
    }

    @Test func framesAreRepeatedOverGapsAndDroppedWhereTheyCrowd() throws {
        #expect(try shown([0, 0.1, 0.2], end: 0.3) == [0, 1, 2])
        #expect(try shown([0, 0.4, 0.5], end: 0.6) == [0, 0, 0, 0, 1, 2])
        #expect(try shown([0, 0.01, 0.02, 0.1], end: 0.2) == [2, 3])
        // A late start is covered by the first frame, the end by the last.
        #expect(try shown([0.3, 0.4], end: 0.7) == [0, 0, 0, 0, 1, 1, 1])
        // Times that go back count as the time before; times below 0 as 0.
        #expect(try shown([-5, 0.2, 0.1, 0.3], end: 0.4) == [0, 0, 2, 3])
        #expect(try shown([0], end: 0) == [0])
        #expect(try shown([], end: 9) == [])
    }

    @Test func languagesBecomeTagsOfRFC5646() {
        let tags = ["deu": "de", "ger": "de", "eng": "en", "ENG": "en", "de": "de", "gsw": "gsw", "und": "und"]
        for (code, tag) in tags { #expect(LanguageTag.fromISO639(code) == tag) }
        for code in ["", "d", "engl", "d\"e", "d,e", "дe", "12a"] { #expect(LanguageTag.fromISO639(code) == "und") }
    }

    @Test func turnsBecomeFilters() {
        #expect(Rotation().filters == [] && !Rotation().swapsSides)
        #expect(Rotation(degrees: 90).filters == ["transpose=clock"] && Rotation(degrees: 90).swapsSides)
        #expect(Rotation(degrees: 180).filters == ["hflip", "vflip"] && !Rotation(degrees: 180).swapsSides)
        #expect(Rotation(degrees: 270, isMirrored: true).filters == ["transpose=cclock", "hflip"])
    }
}
