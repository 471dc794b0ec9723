// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// Sprites with their index, and the preview.
@Suite struct PictureTests {
    /// A clip whose picture is one grey that rises by 10 each second.
    private static let rising: Result<Made, any Error> = Result {
        let file = try TestFiles.folder() + "/rising.mp4"
        try Clip.ffmpeg(
            ["color=black:s=320x180:r=25:d=20,geq=lum='20+10*floor(T)':cb=128:cr=128"],
            ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"], file)
        return try Made(file)
    }

    private struct Cue {
        var start: String
        var end: String
        var file: String
        var place: [Int]
    }

    private func cues(_ made: Made) throws -> [Cue] {
        let text = try TestFiles.text(made.folder + "/sprite.vtt")
        #expect(text.hasPrefix("WEBVTT\n\n"))
        return text.matches(of: /(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\n/).map { match in
            let (_, start, end, file, x, y, width, height) = match.output
            return Cue(
                start: String(start), end: String(end), file: String(file),
                place: [x, y, width, height].map { Int($0) ?? -1 })
        }
    }

    @Test func everySpriteShowsItsSecond() throws {
        let made = try Self.rising.get()
        let cues = try cues(made)
        #expect(cues.count == 20)
        #expect(cues[0].start == "00:00:00.000" && cues[19].end == "00:00:20.000")
        #expect(zip(cues, cues.dropFirst()).allSatisfy { $0.end == $1.start })
        for (second, cue) in cues.enumerated() {
            #expect(cue.file == "sprite-0.jpg" && cue.place[2] == 160 && cue.place[3] == 90)
            let crop = "crop=\(cue.place[2]):\(cue.place[3]):\(cue.place[0]):\(cue.place[1])"
            let grey = try Made.colors(
                "\(made.folder)/\(cue.file)", columns: 1, rows: 1, crop: crop)[0][0][0]
            // From studio range to full range.
            let expected = Int((Double(4 + 10 * second) * 255 / 219).rounded())
            #expect(abs(grey - expected) <= 4, "second \(second): \(grey), not \(expected)")
        }
        // Three rows of eight are used.
        let stream = try #require(try Probed(made.folder + "/sprite-0.jpg").streams.first)
        #expect(stream.width == 1280 && stream.height == 270)
    }

    @Test func thePreviewIsFourSecondsFromAllOver() throws {
        let made = try Self.rising.get()
        let path = made.folder + "/preview.mp4"
        let stream = try #require(try Probed(path).streams.first)
        #expect(stream.codecName == "h264" && stream.width == 320 && stream.height == 180)
        #expect(try Probed(path).streams.count == 1)
        #expect(abs((stream.duration.flatMap(Double.init) ?? 0) - 4) < 0.2)
        let greys = try Made.colors(path, columns: 1, rows: 1).map { $0[0][0] }
        // The seconds 2.5, 7.5, 12.5 and 17.5 begin scenes, which go over into the next second in their middle.
        let seconds = greys.map { Int((Double($0) * 219 / 255 / 10 - 0.4).rounded()) }
        #expect(seconds == seconds.sorted())
        #expect(Set(seconds) == [2, 3, 7, 8, 12, 13, 17, 18])
        #expect(try TestFiles.read(path).count < 100_000)
    }

    @Test(arguments: Clip.allCases) func allPicturesAreThereAndNamed(clip: Clip) throws {
        let transcoded = try Transcoded.of(clip)
        #expect(transcoded.result.pictures == ["poster.jpg", "sprite-0.jpg", "sprite.vtt", "preview.mp4"])
        let tool = try Tool.run(
            "ffmpeg", ["-v", "error", "-i", transcoded.folder + "/preview.mp4", "-f", "null", "-"])
        #expect(tool.status == 0 && tool.errors.isEmpty)
    }

    @Test func uprightPicturesHaveUprightSprites() throws {
        let text = try TestFiles.text(try Transcoded.of(.upright).folder + "/sprite.vtt")
        #expect(text.contains("sprite-0.jpg#xywh=0,0,90,160\n") && text.contains("#xywh=90,0,90,160\n"))
    }

    @Test func intervalsAndScenesFollowTheLength() {
        #expect([0, 60, 300, 1800, 7200].map(SpriteSheets.intervalSeconds) == [5, 1, 2, 5, 10])
        let rate = FrameRate(numerator: 10, denominator: 1)
        #expect(PreviewMaker.ranges(frameRate: rate, declaredSeconds: 0) == [0..<40])
        #expect(PreviewMaker.ranges(frameRate: rate, declaredSeconds: 8) == [0..<40])
        #expect(
            PreviewMaker.ranges(frameRate: rate, declaredSeconds: 80) == [100..<110, 300..<310, 500..<510, 700..<710])
    }
}
