// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// What stands in the folder beside the rungs: I-frame playlists, the variant for thin lines, sound tracks.
@Suite struct OutputTests {
    static let encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]

    @Test(arguments: Clip.allCases) func everyKeyFrameIsAByteRangeThatDecodesAlone(clip: Clip) throws {
        let transcoded = try Transcoded.of(clip)
        #expect(
            Set(transcoded.multivariant.iFrameVariants.map(\.uri))
                == Set(transcoded.video.map { "\($0.name)/iframes.m3u8" }))
        for video in transcoded.video {
            let path = "\(transcoded.folder)/\(video.name)/iframes.m3u8"
            guard case .media(let playlist) = try Playlist.parse(try TestFiles.read(path)) else {
                throw Fragments.Malformed()
            }
            #expect(playlist.iFramesOnly && playlist.kind == .vod && playlist.isComplete)
            let keys = try video.segments.map { try Fragments.samples(segment: $0) }.joined().filter(\.isIDR)
            #expect(playlist.segments.count == keys.count)
            #expect(abs(playlist.durationSeconds - video.seconds) < 0.001)
            var start = 0.0
            for (entry, key) in zip(playlist.segments, keys) {
                #expect(abs(start - Double(key.presentationTime) / Double(video.timescale)) < 0.001)
                start += entry.durationSeconds
                let range = try #require(entry.byteRange)
                let offset = try #require(range.offset)
                let number = try #require(Int(entry.uri.dropLast(4)))
                let bytes = Array(video.segments[number][offset..<offset + range.length])
                #expect(bytes[4..<8].elementsEqual("moof".utf8))
                // The range ends with the key frame.
                #expect(bytes.suffix(key.bytes.count).elementsEqual(key.bytes))
            }
        }
    }

    /// A silent video has no sound that could go on alone, so a variant with a picture must fit a thin line (192 kb/s),
    /// also where the first picture is most of the video.
    @Test(arguments: [0.4, 1, 2, 7]) func aShortSilentVideoFitsAThinLine(seconds: Double) throws {
        let source = try Source.make(
            "a.mp4", ["testsrc2=s=640x360:r=50:d=\(seconds),noise=alls=20:allf=t"], Source.h264 + ["-crf", "10"])
        for preset in ["ultrafast", "veryfast"] {
            let made = try Made(source, preset: preset)
            #expect(made.multivariant.variants.contains { $0.bandwidth <= 192_000 })
            #expect(made.multivariant.variants.contains { $0.bandwidth > 192_000 })
        }
    }

    /// The program ffmpeg decodes one picture from the initialization section and one range.
    @Test func aRangeIsOnePicture() throws {
        let transcoded = try Transcoded.of(.wide)
        let video = try #require(transcoded.video.first { $0.name == "240p" })
        let path = "\(transcoded.folder)/\(video.name)/iframes.m3u8"
        guard case .media(let playlist) = try Playlist.parse(try TestFiles.read(path)) else {
            throw Fragments.Malformed()
        }
        let whole = try transcoded.pictures("240p")
        for number in [1, 3] {
            let range = try #require(playlist.segments[number].byteRange)
            let offset = try #require(range.offset)
            let segment = video.segments[try #require(Int(playlist.segments[number].uri.dropLast(4)))]
            let file = try TestFiles.file(video.initialization + segment[offset..<offset + range.length])
            let tool = try Tool.run(
                "ffmpeg",
                ["-v", "fatal", "-i", file, "-vf", "scale=32:32:flags=area,format=gray", "-f", "rawvideo", "-"])
            #expect(tool.output.count == 1024)
            #expect(difference(tool.output, whole[number * 50]) < 3)
        }
    }

    @Test(arguments: Clip.allCases) func theRatesOfIFrameVariantsAreMeasured(clip: Clip) throws {
        let transcoded = try Transcoded.of(clip)
        for variant in transcoded.multivariant.iFrameVariants {
            guard
                case .media(let playlist) = try Playlist.parse(
                    try TestFiles.read("\(transcoded.folder)/\(variant.uri)"))
            else { throw Fragments.Malformed() }
            let whole = try #require(transcoded.variants.first { variant.uri.hasPrefix($0.uri.dropLast(10)) })
            #expect(variant.resolution == whole.resolution && variant.codecs == Array(whole.codecs.prefix(1)))
            let bits = playlist.segments.map { Double(($0.byteRange?.length ?? 0) * 8) }
            let average = bits.reduce(0, +) / playlist.durationSeconds
            #expect(abs(Double(variant.averageBandwidth ?? 0) - average) <= 1)
            let peak = zip(bits, playlist.segments).map { $0 / $1.durationSeconds }.max() ?? 0
            // Of a window of two pictures at most; the last one may stand too short to count.
            #expect((average - 1...peak + 1).contains(Double(variant.bandwidth)))
        }
    }

    /// Rule 9.21 of Apple's HLS authoring specification.
    @Test(arguments: Clip.allCases) func aVariantFitsAThinLine(clip: Clip) throws {
        let transcoded = try Transcoded.of(clip)
        let smallest = try #require(transcoded.multivariant.variants.min { $0.bandwidth < $1.bandwidth })
        #expect(smallest.bandwidth <= 192_000)
        let alone = transcoded.multivariant.variants.filter { $0.resolution == nil }
        // The sound goes alone only where no picture fits.
        #expect(alone.count == (transcoded.variants.contains { $0.bandwidth <= 192_000 } ? 0 : 1))
        for variant in alone {
            #expect(variant.uri == "audio/index.m3u8" && variant.codecs == ["mp4a.40.2"])
            #expect(variant.audioGroup == "audio" && variant.frameRate == nil)
        }
    }

    /// German, English with a name, English without, and one of no language; the English one is the default.
    @Test func soundTracksAreOneGroup() throws {
        let source = try TestFiles.folder() + "/tracks.mkv"
        let tones = [440, 880, 1320, 1760]
        try Clip.ffmpeg(
            ["testsrc2=s=160x90:r=25:d=3"] + tones.map { "sine=\($0):r=48000:d=3,volume=8dB" },
            ["-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map", "4"] + Self.encoding
                + ["-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng"]
                + ["-metadata:s:a:1", "title=Director's \"cut\"", "-metadata:s:a:2", "language=eng"]
                + ["-disposition:a:0", "0", "-disposition:a:1", "default", "-disposition:a:2", "0"]
                + ["-ac:a:0", "1", "-ac:a:3", "1", "-disposition:a:3", "0"], source)
        let made = try Made(source)
        #expect(
            made.multivariant.renditions.map { "\($0.name)|\($0.language ?? "-")|\($0.isDefault)|\($0.uri ?? "-")" }
                == [
                    "Director's cut|en|true|audio/index.m3u8", "Deutsch|de|false|audio-2/index.m3u8",
                    "English|en|false|audio-3/index.m3u8", "Sound|und|false|audio-4/index.m3u8",
                ])
        #expect(made.multivariant.renditions.allSatisfy { $0.group == "audio" && $0.isAutoselect && $0.channels == 2 })
        #expect(made.multivariant.variants.allSatisfy { $0.audioGroup == "audio" && $0.codecs.last == "mp4a.40.2" })
        // Each holds its own tone.
        for (name, tone) in [("audio", 880), ("audio-2", 440), ("audio-3", 1320), ("audio-4", 1760)] {
            #expect(abs(try made.tone(name, from: 1, to: 2) - Double(tone)) < 10, "\(name)")
        }
    }
}
