// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Transcode

/// The program `transcode` as people call it.
@Suite struct CommandTests {
    func transcode(_ arguments: String...) throws -> (status: Int32, output: String, errors: String) {
        let tool = try Tool.run(Tool.transcode, arguments)
        return (tool.status, String(decoding: tool.output, as: UTF8.self), tool.errors)
    }

    @Test func probeShowsWhatIsInAFile() throws {
        let (status, output, errors) = try transcode("probe", try Clip.wide.source())
        #expect(status == 0 && errors.isEmpty)
        let info = try JSONDecoder().decode(SourceInfo.self, from: Data(output.utf8))
        #expect(info.format == "mov,mp4,m4a,3gp,3g2,mj2")
        #expect(abs(info.durationSeconds - 13) < 0.03)
        let video = try #require(info.video)
        #expect(video.codec == "h264" && video.pixelFormat == "yuv420p" && video.index == 0)
        #expect(video.width == 1280 && video.height == 720 && video.codedWidth == 1280 && video.codedHeight == 720)
        #expect(video.framesPerSecond == 25 && !video.isInterlaced)
        #expect(video.rotationDegrees == 0 && video.durationSeconds == 13)
        let audio = try #require(info.audio)
        #expect(audio.codec == "aac" && audio.samplesPerSecond == 48_000 && audio.language == "de" && audio.index == 1)
        // The names that a script relies on.
        let object = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
        #expect(
            Set(object.keys) == ["format", "durationSeconds", "video", "audioTracks", "subtitles", "others"])
        let keys = try #require(object["video"] as? [String: Any]).keys
        #expect(
            Set(keys) == [
                "index", "codec", "codedWidth", "codedHeight", "width", "height", "rotationDegrees", "framesPerSecond",
                "isInterlaced", "pixelFormat", "durationSeconds",
            ])
    }

    @Test func probeShowsATurnedVideoUprightAndAMissingSoundAsAbsent() throws {
        let output = try transcode("probe", try Clip.rotated.source()).output
        let info = try JSONDecoder().decode(SourceInfo.self, from: Data(output.utf8))
        let video = try #require(info.video)
        #expect(video.width == 360 && video.height == 640 && video.codedWidth == 640 && video.codedHeight == 360)
        #expect([90, 270].contains(video.rotationDegrees))
        #expect(info.audio == nil)
    }

    @Test func probeNamesTheReason() throws {
        let (status, output, errors) = try transcode("probe", try TestFiles.file([]))
        #expect(status != 0 && output.isEmpty)
        #expect(errors == "Error: The file is empty.\n")
        let missing = try transcode("probe", "/nonexistent/a.mp4")
        #expect(missing.status != 0)
        #expect(missing.errors == "Error: open /nonexistent/a.mp4: No such file or directory\n")
    }

    @Test func fileMakesAFolderThatPlays() throws {
        let folder = try TestFiles.folder() + "/result"
        let (status, output, errors) = try transcode(
            "file", try Clip.upright.source(), "--out", folder, "--preset", "ultrafast")
        #expect(status == 0 && errors.isEmpty)
        #expect(
            output
                == "\(folder)/master.m3u8: 4.0 s, 240p 234x416, 360p 360x640, 480p 468x832, 720p 720x1280\n")
        try Tool.succeed("ffmpeg", ["-v", "error", "-i", folder + "/master.m3u8", "-f", "null", "-"])
    }

    @Test func fileNamesTheReason() throws {
        let text = try TestFiles.file(Array("hello".utf8))
        let (status, output, errors) = try transcode("file", text, "--out", try TestFiles.folder())
        #expect(status != 0 && output.isEmpty)
        #expect(errors == "Error: The file is a text, not a video file.\n")
    }

    @Test func mistakesOfTheCommandLineAreNamed() throws {
        let preset = try transcode("file", "a.mp4", "--out", "b", "--preset", "placebo")
        #expect(preset.status == 64)
        #expect(preset.errors.hasPrefix("Error: --preset: allowed are ultrafast, superfast, "))
        #expect(try transcode("file", "a.mp4").status == 64)
        #expect(try transcode("nonsense").status == 64)
    }

    @Test func helpAndVersion() throws {
        let help = try transcode("--help")
        #expect(help.status == 0)
        for command in ["file", "probe"] { #expect(help.output.contains("  \(command) ")) }
        #expect(!help.output.contains("media-child"))
        let version = try transcode("--version")
        #expect(version.status == 0 && version.output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
    }
}
