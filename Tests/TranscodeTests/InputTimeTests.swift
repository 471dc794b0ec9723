// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// Sources whose times are odd. The rows of docs/inputs.md; most are judged by a flash and a beep that belong together.
@Suite struct InputTimeTests {
    /// The flash is in the picture nearest to `at`, and the beep with it: both within a frame and 25 ms.
    private func check(_ made: Made, at: Double, seconds: Double) throws {
        let frame = 1 / (try made.top().framesPerSecond)
        let (flash, beep) = try made.flashAndBeep()
        #expect(abs(flash - at) <= frame + 0.001, "flash at \(flash)")
        #expect(abs(beep - at) <= 0.025, "beep at \(beep)")
        #expect(abs(made.result.durationSeconds - seconds) <= 2 * frame, "\(made.result.durationSeconds) s")
        for rendition in made.result.renditions {
            #expect(abs(rendition.durationSeconds - made.result.durationSeconds) <= 0.022)
        }
    }

    @Test(arguments: [
        ("24000/1001", 23.976), ("24", 24), ("25", 25), ("30000/1001", 29.97), ("30", 30), ("50", 50),
        ("60000/1001", 59.94), ("60", 60), ("120", 60), ("100", 50), ("15", 15),
    ])
    func frameRates(rate: String, expected: Double) throws {
        let source = try Source.make(
            "a.mp4", [Source.flash(at: 1, seconds: 2, rate: rate), Source.beep(at: 1, seconds: 2)],
            Source.h264 + Source.aac)
        let made = try Made(source)
        let frameRate = try #require(made.multivariant.variants.first?.frameRate)
        #expect(abs(frameRate - expected) < 0.001)
        try check(made, at: 1, seconds: 2)
        let segment = try TestFiles.read(made.folder + "/240p/0.m4s")
        let samples = try Fragments.samples(segment: segment)
        #expect(abs(Double(samples.count) - 2 * expected) <= 1)
        #expect(Set(samples.map(\.duration)).count == 1)
    }

    /// A phone's video: steps of 28 to 55 ms, declared with a clock of 90 kHz.
    @Test func aVaryingRate() throws {
        let source = try Source.make(
            "a.mp4",
            [
                Source.flash(at: 1.5, seconds: 3, rate: "30") + ",setpts='PTS+0.01/TB*sin(N*1.7)'",
                Source.beep(at: 1.5, seconds: 3),
            ], Source.h264 + Source.aac + ["-vsync", "passthrough", "-video_track_timescale", "90000"])
        let made = try Made(source)
        #expect(made.multivariant.variants.first?.frameRate == 30)
        let (flash, beep) = try made.flashAndBeep()
        #expect(abs(flash - beep) < 0.05, "\(flash) \(beep)")
        #expect(abs(Double(try made.colors().count) - 90) <= 2)
    }

    /// A copy that begins between key frames: an edit list hides the first second and a half.
    @Test func anEditList() throws {
        let whole = try Source.make(
            "w.mp4", [Source.flash(at: 2, seconds: 3), Source.beep(at: 2, seconds: 3)],
            Source.h264 + Source.aac + ["-g", "250"])
        let cut = try Source.remake("a.mp4", ["-ss", "1.5", "-i", whole, "-c", "copy"])
        #expect(mp4Box(in: try TestFiles.read(cut), path: ["moov", "trak", "edts", "elst"]) != nil)
        try check(try Made(cut), at: 0.5, seconds: 1.5)
    }

    @Test(arguments: ["-1", "5", "-0.4"]) func timesThatDoNotBeginAtZero(offset: String) throws {
        let source = try Source.make(
            "a.mkv", [Source.flash(at: 1, seconds: 2), Source.beep(at: 1, seconds: 2)],
            Source.h264 + Source.aac + ["-output_ts_offset", offset, "-avoid_negative_ts", "disabled"])
        try check(try Made(source), at: 1, seconds: 2)
    }

    @Test func negativeDecodeTimes() throws {
        let source = try Source.make(
            "a.mp4", [Source.flash(at: 1, seconds: 2), Source.beep(at: 1, seconds: 2)],
            ["-c:v", "libx264", "-bf", "3", "-pix_fmt", "yuv420p"] + Source.aac
                + ["-use_editlist", "0", "-movflags", "negative_cts_offsets"])
        try check(try Made(source), at: 1, seconds: 2)
    }

    /// AVI has no presentation times: B frames come in the order of decoding.
    @Test(arguments: ["mpeg4", "libx264"]) func missingPresentationTimes(codec: String) throws {
        let rising = "color=black:s=64x48:r=25:d=2,geq=lum='20+4*N':cb=128:cr=128"
        let source = try Source.make(
            "a.avi", [rising, Source.beep(at: 1, seconds: 2)],
            ["-c:v", codec, "-bf", "2", "-pix_fmt", "yuv420p", "-b:v", "500k", "-c:a", "pcm_s16le"])
        let made = try Made(source)
        let greys = try made.colors(columns: 1, rows: 1).map { $0[0][0] }
        // A decoder may show its first pictures late by those that it holds back.
        #expect(abs(greys.count - 50) <= 2)
        #expect(zip(greys, greys.dropFirst()).allSatisfy { $0 <= $1 + 1 })
        #expect(abs((greys.firstIndex { $0 > 117 } ?? 0) - 25) <= 3)
    }

    /// A second is missing in both: the picture stands, the sound is silent, and what follows keeps its time.
    @Test func aGap() throws {
        let source = try Source.make(
            "a.mkv",
            [
                Source.flash(at: 2, seconds: 3) + ",select='not(between(t,0.5,1.499))'",
                Source.beep(at: 2, seconds: 3) + ",aselect='not(between(t,0.5,1.5))'",
            ], Source.h264 + ["-c:a", "pcm_s16le", "-vsync", "vfr"])
        let made = try Made(source)
        try check(made, at: 2, seconds: 3)
        #expect(try made.colors().count == 75)
    }

    @Test func aSoundThatIsShorterIsFollowedBySilence() throws {
        let source = try Source.make(
            "a.mp4", [Source.flash(at: 0.5, seconds: 3), Source.beep(at: 0.5, seconds: 1)], Source.h264 + Source.aac)
        let made = try Made(source)
        try check(made, at: 0.5, seconds: 3)
        #expect(try made.samples().dropFirst(52_000).allSatisfy { abs($0) < 0.001 })
    }

    @Test func aSoundThatIsLongerStandsOverTheLastPicture() throws {
        let source = try Source.make(
            "a.mp4", [Source.flash(at: 0.8, seconds: 1), Source.beep(at: 0.8, seconds: 3)], Source.h264 + Source.aac)
        let made = try Made(source)
        try check(made, at: 0.8, seconds: 3)
        // White to the end.
        #expect(try made.colors(columns: 1, rows: 1).suffix(50).allSatisfy { $0[0][1] > 200 })
    }

    /// Open groups, key frames wherever the source has them: the output's stand on its own grid.
    @Test func openGroupsWithIrregularKeyFrames() throws {
        let source = try Source.make(
            "a.mp4", [Source.flash(at: 3, seconds: 5), Source.beep(at: 3, seconds: 5)],
            ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-x264-params", "open-gop=1:keyint=37:min-keyint=5:bframes=4"]
                + ["-force_key_frames", "0.28,0.6,2.12"] + Source.aac)
        let made = try Made(source)
        try check(made, at: 3, seconds: 5)
        let samples = try Fragments.samples(segment: try TestFiles.read(made.folder + "/240p/0.m4s"))
        #expect(samples.count == 125)
        #expect(samples.indices.filter { samples[$0].isIDR } == [0, 50, 100])
    }

    /// A recording that begins in the middle of a group: what can not be decoded is left out, the rest keeps together.
    @Test func aStreamThatBeginsInTheMiddle() throws {
        let whole = try Source.make(
            "w.ts", [Source.flash(at: 2, seconds: 3), Source.beep(at: 2, seconds: 3)],
            ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "30", "-bf", "2"] + Source.aac)
        let bytes = try TestFiles.read(whole)
        // From the middle of a packet of 188 bytes.
        let late = try TestFiles.file(Array(bytes.dropFirst(bytes.count / 5 / 188 * 188 + 100)), name: "late.ts")
        let made = try Made(late)
        let (flash, beep) = try made.flashAndBeep()
        #expect(abs(flash - beep) <= 0.041 + 0.025, "\(flash) \(beep)")
        #expect(flash < 2.1 && made.result.durationSeconds < 3.1)
    }
}
