// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// Sources whose sound is not stereo, or all that there is. The rows of docs/inputs.md.
@Suite struct InputSoundTests {
    /// A tone in each of six channels in turn: all but the deep one are heard, on their side.
    @Test(arguments: ["ac3", "aac", "flac"]) func surroundIsMixedDown(codec: String) throws {
        let channels = (0..<6).map { "if(between(t,\(Double($0) / 2),\(Double($0) / 2 + 0.4)),0.3*sin(2*PI*1000*t),0)" }
        let source = try Source.make(
            "a.mkv",
            ["color=gray:s=64x36:r=25:d=3", "aevalsrc='\(channels.joined(separator: "|"))':c=5.1:s=48000:d=3"],
            Source.h264 + ["-c:a", codec, "-b:a", "384k"])
        let made = try Made(source)
        let stream = try #require(try Probed(made.playlist("audio")).streams.first)
        #expect(stream.channels == 2 && stream.sampleRate == "48000" && stream.codecName == "aac")
        let bytes = try Tool.succeed(
            "ffmpeg", ["-v", "error", "-i", made.playlist("audio"), "-ac", "2", "-f", "s16le", "-"])
        let samples = stride(from: 0, to: bytes.count - 1, by: 2).map {
            abs(Double(Int16(bitPattern: UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8)) / 32768)
        }
        // The loudest sample of left and right in the middle of each channel's turn: FL FR FC LFE BL BR.
        let heard = (0..<6).map { turn -> [Double] in
            let range = (turn * 24_000 + 4800)..<(turn * 24_000 + 14_400)
            return (0..<2).map { side in range.map { samples[$0 * 2 + side] }.max() ?? 0 }
        }
        #expect(heard[0][0] > 0.1 && heard[0][1] < 0.02, "\(heard)")
        #expect(heard[1][1] > 0.1 && heard[1][0] < 0.02, "\(heard)")
        #expect(abs(heard[2][0] - heard[2][1]) < 0.02 && heard[2][0] > 0.05, "\(heard)")
        #expect(heard[4][0] > 0.05 && heard[4][1] < 0.02 && heard[5][1] > 0.05 && heard[5][0] < 0.02, "\(heard)")
    }

    @Test(arguments: [8000, 22_050, 44_100, 96_000]) func monoOfAnyRateIsOnBothSides(rate: Int) throws {
        let source = try Source.make(
            "a.mkv", [Source.flash(at: 1, seconds: 2), Source.beep(at: 1, seconds: 2, rate: rate)],
            Source.h264 + ["-c:a", "pcm_s16le", "-ac", "1"])
        let made = try Made(source)
        let (flash, beep) = try made.flashAndBeep()
        #expect(flash == 1 && abs(beep - 1) < 0.025)
        #expect(abs(try made.tone("audio", from: 1.05, to: 1.15) - 1000) <= 20)
        let sides = try Tool.run(
            "ffmpeg",
            ["-hide_banner", "-i", made.playlist("audio"), "-af", "pan=mono|c0=c0-c1,volumedetect", "-f", "null", "-"])
        let level = try #require(sides.errors.firstMatch(of: /max_volume: (-?[\d.]+) dB/))
        #expect(try #require(Double(level.output.1)) < -60)
    }

    // MARK: Sound alone

    @Test(arguments: [
        ("a.m4a", ["-c:a", "aac"]), ("a.mp3", ["-c:a", "libmp3lame"]), ("a.flac", ["-c:a", "flac"]),
        ("a.ogg", ["-c:a", "libvorbis"]), ("a.opus.ogg", ["-c:a", "libopus"]), ("a.wav", ["-c:a", "pcm_s16le"]),
        ("a.mka.mkv", ["-c:a", "libopus"]), ("a.ts", ["-c:a", "aac"]),
    ])
    func soundAloneIsAPresentation(name: String, encoding: [String]) throws {
        let source = try Source.make(name, [Source.beep(at: 7, seconds: 8)], encoding)
        let made = try Made(source)
        #expect(made.result.width == 0 && made.result.renditions.map(\.name) == ["audio"])
        #expect(made.multivariant.variants.map(\.uri) == ["audio/index.m3u8"])
        #expect(made.multivariant.variants.first?.codecs == ["mp4a.40.2"])
        #expect(made.multivariant.variants.first?.audioGroup == "audio")
        #expect(made.multivariant.iFrameVariants.isEmpty)
        #expect(abs(made.result.durationSeconds - 8) < 0.1, "\(made.result.durationSeconds)")
        let samples = try made.samples()
        let beep = try #require(samples.firstIndex { abs($0) > 0.02 })
        #expect(abs(Double(beep) / 48_000 - 7) < 0.06, "\(Double(beep) / 48_000)")
        // Cut as the sound of a video is.
        #expect(made.result.renditions[0].segments.count == 2)
        #expect(abs(made.result.renditions[0].segments[0].durationSeconds - 6) < 0.022)
        let tool = try Tool.run("ffmpeg", ["-v", "error", "-i", made.folder + "/master.m3u8", "-f", "null", "-"])
        #expect(tool.status == 0 && tool.errors.isEmpty, "\(tool.errors)")
        #expect(made.result.pictures == ["poster.jpg"])
        #expect(try Probed(made.folder + "/poster.jpg").streams.first?.width == 640)
    }

    @Test func theCoverOfARecordIsItsPoster() throws {
        let sound = try Source.make("s.m4a", ["sine=d=2"], Source.aac)
        let cover = try Source.make("c.png", [Source.quarters(size: "300x300", rate: "1")], ["-frames:v", "1"])
        let source = try Source.remake(
            "a.m4a",
            ["-i", sound, "-i", cover, "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic"])
        let made = try Made(source)
        #expect(made.result.width == 0 && made.multivariant.variants.count == 1)
        #expect(distance(try Made.colors(made.folder + "/poster.jpg")[0], Source.quarterColors) < 30)
        #expect(try Probed(made.folder + "/poster.jpg").streams.first?.width == 300)
    }
}
