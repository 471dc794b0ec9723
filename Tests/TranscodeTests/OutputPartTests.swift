// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// Which part of a video's work makes the tracks and the pictures beside the rungs.
@Suite struct OutputPartTests {
    private static let subtitles = "1\n00:00:01,000 --> 00:00:02,000\nHello\n"

    /// A clip of 3 s with so many sound tracks and one of subtitles.
    private func source(sounds: Int) throws -> String {
        let text = try TestFiles.file(Array(Self.subtitles.utf8), name: "text.srt")
        let generators = ["testsrc2=s=64x64:r=25:d=3"] + (0..<sounds).map { "sine=\(440 * ($0 + 1)):d=3" }
        return try Source.remake(
            "a.mkv",
            generators.flatMap { ["-f", "lavfi", "-i", $0] } + ["-i", text]
                + (0...sounds + 1).flatMap { ["-map", "\($0)"] } + Source.h264 + Source.aac + ["-c:s", "subrip"])
    }

    private func result(_ part: MediaPart, of file: String) throws -> (folder: String, result: MediaResult) {
        let folder = try TestFiles.folder()
        let transcoder = Transcoder(
            descriptor: try TestFiles.descriptor(file), folder: folder, preset: "ultrafast", announce: { _ in })
        guard case .result(let result) = try transcoder.run(part) else {
            throw Tool.Failure(description: "no result of \(part)")
        }
        return (folder, result)
    }

    @Test func theSoundsPartHasAllTracksAndSubtitlesOnceTheLengthIsKnown() throws {
        let file = try source(sounds: 2)
        let (folder, whole) = try result(.sound(videoFrames: 75, segmentsMax: nil), of: file)
        #expect(whole.renditions.map(\.name) == ["audio", "audio-2", "subtitles"])
        #expect(whole.renditions.allSatisfy { abs($0.durationSeconds - 3) < 0.011 })
        #expect(try TestFiles.text(folder + "/subtitles/0.vtt").contains("Hello"))
        let (_, head) = try result(.sound(videoFrames: nil, segmentsMax: 1), of: file)
        #expect(head.renditions.map(\.name) == ["audio", "audio-2"])
    }

    @Test func thePicturesPartGivesThePicturesOfOnePass() throws {
        let file = try source(sounds: 1)
        let (folder, made) = try result(.pictures, of: file)
        #expect(made.pictures == ["poster.jpg", "sprite-0.jpg", "sprite.vtt", "preview.mp4"])
        #expect(made.renditions.isEmpty)
        let whole = try Made(file)
        #expect(whole.result.pictures == made.pictures)
        for name in made.pictures {
            #expect(try TestFiles.read("\(folder)/\(name)") == TestFiles.read("\(whole.folder)/\(name)"), "\(name)")
        }
    }

    @Test func thePicturesPartTakesTheSubtitlesOfAVideoWithoutSound() throws {
        let (_, made) = try result(.pictures, of: try source(sounds: 0))
        #expect(made.renditions.map(\.name) == ["subtitles"])
        #expect(abs(made.renditions[0].durationSeconds - 3) < 0.001)
    }

    @Test func soundAloneIsOnePart() throws {
        let file = try Source.make("a.m4a", [Source.beep(at: 1, seconds: 8)], Source.aac)
        let transcoder = Transcoder(
            descriptor: try TestFiles.descriptor(file), folder: try TestFiles.folder(), preset: "ultrafast",
            announce: { _ in })
        guard case .plan(let plan) = try transcoder.run(.plan) else { throw Tool.Failure(description: "no plan") }
        #expect(plan.rungs.isEmpty && plan.isPlausible && plan.headPart == nil)
        #expect(plan.videoParts == [.video(segments: 0..<Int.max, rungs: nil)])
        let made = try result(.video(segments: 0..<Int.max, rungs: nil), of: file).result
        #expect(made.isPlausible && made.endFrame >= 200)
        let pictures = try result(.pictures, of: file).result
        let whole = try PartJoin(plan).join([made, pictures])
        #expect(whole.renditions.map(\.name) == ["audio"] && whole.pictures == ["poster.jpg"])
    }
}
