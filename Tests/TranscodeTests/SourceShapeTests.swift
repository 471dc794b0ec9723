// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// Sources whose sound, length or pixels are not as usual.
@Suite struct SourceShapeTests {
    private static let encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]

    private func transcoded(_ source: String) throws -> (folder: String, result: MediaResult) {
        let folder = try TestFiles.folder()
        return (folder, try transcode(source, to: folder))
    }

    private func durations(_ result: MediaResult, _ name: String) -> [Double] {
        result.renditions.first { $0.name == name }?.segments.map(\.durationSeconds) ?? []
    }

    @Test func aSoundThatStartsLateKeepsItsPlace() throws {
        let source = try TestFiles.folder() + "/late.mkv"
        try Tool.succeed(
            "ffmpeg",
            ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=8", "-itsoffset", "2", "-f", "lavfi"]
                + ["-i", "sine=440:r=48000:d=3"] + Self.encoding + [source])
        let (folder, result) = try transcoded(source)
        #expect(abs(durations(result, "audio").reduce(0, +) - 8) < 0.011)
        let raw = try Tool.succeed(
            "ffmpeg", ["-v", "error", "-i", "\(folder)/audio/index.m3u8", "-ac", "1", "-f", "u8", "-ar", "1000", "-"])
        // Unsigned samples around 128, a thousand a second.
        func loudness(_ milliseconds: Range<Int>) -> Int { raw[milliseconds].map { abs(Int($0) - 128) }.max() ?? 0 }
        #expect(loudness(100..<1900) <= 1)
        #expect(loudness(2100..<4900) > 8)
        #expect(loudness(5200..<7800) <= 1)
    }

    @Test func aShortTailJoinsTheLastSegmentOfEveryRendition() throws {
        for (seconds, expected) in [("12.4", [6, 6.4]), ("12.56", [6, 6, 0.56])] {
            let source = try TestFiles.folder() + "/tail.mp4"
            try Clip.ffmpeg(
                ["testsrc2=s=416x234:r=25:d=\(seconds)", "sine=r=48000:d=\(seconds)"], Self.encoding, source)
            let (_, result) = try transcoded(source)
            let video = durations(result, "240p")
            let audio = durations(result, "audio")
            #expect(video.count == expected.count && zip(video, expected).allSatisfy { abs($0 - $1) < 0.000_001 })
            #expect(audio.count == expected.count && zip(audio, video).allSatisfy { abs($0 - $1) < 0.022 })
        }
    }

    @Test func onePictureStandsAsLongAsItsSound() throws {
        let source = try TestFiles.folder() + "/still.mp4"
        try Clip.ffmpeg(["testsrc2=s=320x180:r=1:d=1", "sine=r=48000:d=8"], Self.encoding, source)
        let (_, result) = try transcoded(source)
        #expect(abs(result.durationSeconds - 8) < 0.3)
        #expect(abs(durations(result, "audio").reduce(0, +) - result.durationSeconds) < 0.011)
    }

    @Test func pixelsThatAreNotSquareAreMadeSo() throws {
        let source = try TestFiles.folder() + "/wide.mp4"
        try Clip.ffmpeg(["testsrc2=s=480x480:r=25:d=1,setsar=4/3"], Self.encoding, source)
        let (_, result) = try transcoded(source)
        #expect(result.renditions.map { "\($0.width)x\($0.height)" } == ["312x234", "480x360", "640x480"])
    }
}
