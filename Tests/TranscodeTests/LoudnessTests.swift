// SPDX-License-Identifier: Apache-2.0

import HLS
import Testing

@testable import Transcode

/// How loud the sound becomes, measured by the program ffmpeg on what was stored.
@Suite struct LoudnessTests {
    /// A tone at 1 kHz in both channels, `decibels` below full scale.
    static func tone(_ decibels: Double, seconds: Int = 4, name: String = "a.mkv") throws -> String {
        let file = try TestFiles.folder() + "/" + name
        // libavfilter's sine is an eighth of full scale: -18.06 dB.
        try Clip.ffmpeg(
            [
                "color=gray:s=64x64:r=10:d=\(seconds)",
                "sine=1000:r=48000:d=\(seconds),volume=\(18.06 - decibels)dB,aformat=channel_layouts=stereo",
            ], ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le"], file)
        return file
    }

    @Test(arguments: [30.0, 3]) func whatIsFarOffIsBroughtToTheTarget(decibels: Double) throws {
        let made = try Made(try Self.tone(decibels))
        let (integrated, peak) = try Made.loudness(made.playlist("audio"))
        #expect(abs(integrated + 16) < 0.5, "\(integrated)")
        #expect(peak <= -0.9)
        // The track states it.
        let stated = try #require(mp4Loudness(try TestFiles.read(made.folder + "/audio/init.mp4")))
        #expect(abs(stated.integrated - integrated) <= 0.5 && stated.isWhole)
        #expect(abs(stated.truePeak - peak) <= 0.5)
    }

    @Test func whatIsNearStaysAsItIs() throws {
        let source = try Self.tone(14.5)
        let made = try Made(source)
        let before = try Made.loudness(source)
        let after = try Made.loudness(made.playlist("audio"))
        #expect(abs(before.integrated + 16) < 4 && abs(before.integrated + 16) > 1)
        #expect(abs(before.integrated - after.integrated) < 0.3)
        let stated = try #require(mp4Loudness(try TestFiles.read(made.folder + "/audio/init.mp4")))
        #expect(abs(stated.integrated - after.integrated) < 0.5)
    }

    /// Quiet with one loud click: raised only as far as the click allows.
    @Test func thePeakLimitsTheGain() throws {
        let file = try TestFiles.folder() + "/click.mkv"
        try Clip.ffmpeg(
            [
                "color=gray:s=64x64:r=10:d=4",
                "aevalsrc='0.01*sin(2*PI*1000*t)+if(between(t,2,2.01),0.5*sin(2*PI*500*t),0)':s=48000:d=4",
            ], ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le"], file)
        let made = try Made(file)
        let (integrated, peak) = try Made.loudness(made.playlist("audio"))
        let before = try Made.loudness(file)
        #expect(integrated > before.integrated + 2)
        #expect(integrated < -18)
        // The coder itself moves peaks a little.
        #expect(peak <= 0, "\(peak)")
    }

    @Test func silenceIsNotMadeLouder() throws {
        let made = try Made(try Self.tone(80))
        #expect(try made.samples().allSatisfy { abs($0) < 0.001 })
        #expect(mp4Loudness(try TestFiles.read(made.folder + "/audio/init.mp4")) == nil)
    }

    /// Of a long file parts are measured: a quiet film with a loud last third.
    @Test func aLongFileIsMeasuredInParts() throws {
        let file = try TestFiles.folder() + "/long.mkv"
        try Clip.ffmpeg(
            [
                "color=gray:s=16x16:r=5:d=300",
                "aevalsrc='if(lt(t,200),0.005,0.05)*sin(2*PI*1000*t)':s=48000:d=300,aformat=channel_layouts=stereo",
            ], ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le"], file)
        let descriptor = try TestFiles.descriptor(file)
        let demuxer = try Demuxer(descriptor: descriptor)
        let info = SourceInfo(demuxer)
        let index = try #require(info.audio?.index)
        let measured = try #require(
            try LoudnessScan.measure(descriptor: descriptor, streams: [index], seconds: info.durationSeconds)[index])
        #expect(!measured.isWhole)
        let whole = try Made.loudness(file)
        #expect(abs(measured.integrated - whole.integrated) < 1)
        #expect(abs(measured.truePeak - whole.peak) < 0.5)
        let again = try LoudnessScan.measure(descriptor: descriptor, streams: [index], seconds: info.durationSeconds)
        #expect(again[index] == measured)
    }

    @Test func theRuleSaysWhenAndHowMuch() {
        func gain(_ integrated: Double, _ peak: Double) -> Double {
            LoudnessRule.gain(Loudness(integrated: integrated, truePeak: peak, isWhole: true))
        }
        #expect(gain(-16, -3) == 0 && gain(-19.9, -10) == 0 && gain(-12.1, -0.5) == 0)
        #expect(gain(-20.5, -10) == 4.5 && gain(-11, -0.5) == -5)
        // Limited by the peak, and never a loss instead of a gain.
        #expect(gain(-30, -6) == 5 && gain(-30, -0.5) == 0)
        // A mix down that would clip is lowered, whatever its loudness is.
        #expect(gain(-18, 2) == -3)
        #expect(gain(-50, -40) == LoudnessRule.gainMax)
    }

    @Test func theBoxHoldsWhatItIsGiven() throws {
        let initialization = try Transcoded.of(.film).audio?.initialization ?? []
        let plain = try #require(mp4Box(in: initialization, path: ["moov", "trak"]))
        let loudness = Loudness(integrated: -23.25, truePeak: -1.5, isWhole: false)
        let bytes = try #require(mp4AddingLoudness(loudness, to: initialization))
        // A second one is added behind the first, which is what a reader finds.
        #expect(bytes.count == initialization.count + 38)
        #expect(mp4Box(in: bytes, path: ["moov", "trak"])?.body.count == plain.body.count + 38)
        #expect(mp4AddingLoudness(loudness, to: [0, 0, 0, 8] + Array("free".utf8)) == nil)
        #expect(mp4Loudness([]) == nil)
    }
}
