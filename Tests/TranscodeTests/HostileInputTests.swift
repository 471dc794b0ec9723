// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Transcode

/// Files that are not videos, or not whole ones: each is refused with a sentence that names the reason.
@Suite struct HostileInputTests {
    /// The reason why a file is refused.
    func refusal(_ path: String) throws -> String? {
        do {
            _ = try transcode(path, to: try TestFiles.folder())
            return nil
        } catch MediaError.unusable(let reason) {
            return reason
        }
    }

    func refusal(of text: String) throws -> String? { try refusal(try TestFiles.file(Array(text.utf8))) }

    /// A short clip with sound, 64x64, 4 s; `options` change its form.
    static func small(_ name: String, _ options: [String] = []) throws -> String {
        let file = try TestFiles.folder() + "/" + name
        try Clip.ffmpeg(
            ["testsrc2=size=64x64:rate=25:duration=4", "sine=duration=4:sample_rate=48000"],
            ["-c:v", "libx264", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac"] + options, file)
        return file
    }

    static let wrongKind =
        " is not in a format that is accepted: MP4, MOV, MKV, WebM, AVI, MPEG-TS, MPEG-PS or FLV, and for sound alone "
        + "MP3, FLAC, Ogg or WAV."
    static let cutOff = "It was probably cut off while it was recorded, copied or uploaded."
    static let playlist = "The file is an HLS playlist, not a video file; upload the video itself."

    @Test func anMP4WithoutItsIndex() throws {
        let bytes = try TestFiles.read(try Self.small("a.mp4"))
        let cut = try TestFiles.file(Array(bytes.prefix(bytes.count * 6 / 10)))
        #expect(
            try refusal(cut)
                == "The file ends too early or is damaged: its index (the moov box) is missing, so it can not be played. "
                + Self.cutOff)
    }

    @Test func anMP4ThatEndsBeforeItsData() throws {
        let bytes = try TestFiles.read(try Self.small("a.mp4", ["-movflags", "+faststart"]))
        let cut = try TestFiles.file(Array(bytes.prefix(bytes.count * 8 / 10)))
        let sentence =
            "The file ends too early: it declares 4.0 s of video, but the end of its data is missing. " + Self.cutOff
        #expect(try refusal(cut) == sentence)
        // One byte less than all is seen, all is not.
        #expect(try refusal(try TestFiles.file(Array(bytes.dropLast()))) == sentence)
        #expect(try refusal(try TestFiles.file(bytes)) == nil)
    }

    @Test func aFileWithoutIndexThatEndsTooEarly() throws {
        let bytes = try TestFiles.read(try Self.small("a.mkv", ["-x264-params", "bframes=0"]))
        let reason = try #require(try refusal(try TestFiles.file(Array(bytes.prefix(bytes.count / 4)))))
        let start = "The file ends too early: it declares 4.0 s of video, but only "
        #expect(reason.hasPrefix(start))
        #expect(reason.hasSuffix(" s could be read. " + Self.cutOff))
        let seconds = try #require(Double(reason.dropFirst(start.count).prefix { $0 != " " }))
        #expect((0.2...2).contains(seconds))
    }

    /// A table of key frames that claims a thousand million of them.
    @Test func anMP4WhoseIndexClaimsTooMuch() throws {
        let path = try Self.small("a.mp4", ["-movflags", "+faststart"])
        var bytes = try TestFiles.read(path)
        let table = try #require(bytes.indices.dropLast(12).first { Array(bytes[$0..<$0 + 4]) == Array("stss".utf8) })
        bytes[table + 8] = 0x3F
        #expect(
            try refusal(try TestFiles.file(bytes))
                == "The file is damaged: its index claims far more entries than a file of \(bytes.count) bytes can have."
        )
    }

    @Test func anMP4WhosePicturesAreDamaged() throws {
        let path = try Self.small("a.mp4", ["-movflags", "+faststart", "-an"])
        var bytes = try TestFiles.read(path)
        let data = try #require(bytes.indices.dropLast(4).first { Array(bytes[$0..<$0 + 4]) == Array("mdat".utf8) })
        for index in data + 4..<bytes.count { bytes[index] = 0 }
        #expect(
            try refusal(try TestFiles.file(bytes))
                == "The file is damaged: not one picture of its video could be decoded.")
    }

    @Test(arguments: [
        "", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1:9/a.m3u8\n",
        "\u{FEFF} \r\n#extm3u\n#EXTINF:10,\nconcat:/etc/passwd\n",
        "ffconcat version 1.0\nfile '/etc/passwd'\n",
        "<?xml version=\"1.0\"?><MPD><BaseURL>http://127.0.0.1/</BaseURL></MPD>",
        "<SmoothStreamingMedia></SmoothStreamingMedia>", "<!DOCTYPE html><html></html>", "Dear diary,\nto-day…",
    ])
    func textsAreNamed(text: String) throws {
        let sentences = [
            "": "The file is empty.", "#": Self.playlist, "\u{FEFF}": Self.playlist,
            "f": "The file is a list of files (ffconcat), not a video file; upload the video itself.",
            "<?": "The file is a DASH manifest, not a video file; upload the video itself.",
            "<S": "The file is a Smooth Streaming manifest, not a video file; upload the video itself.",
            "<!": "The file is a web page, not a video file; upload the video itself.",
            "D": "The file is a text, not a video file.",
        ]
        let kind = sentences.keys.filter { text.hasPrefix($0) }.max { $0.count < $1.count }
        #expect(try refusal(of: text) == sentences[try #require(kind)])
    }

    @Test func otherFilesAreNamed() throws {
        let zeros = [UInt8](repeating: 0, count: 600)
        let named: [([UInt8], String)] = [
            (Array("ID3\u{4}".utf8) + zeros, "The file" + Self.wrongKind),
            ([0xFF, 0xD8, 0xFF, 0xE0] + zeros, "The file is a JPEG picture, not a video."),
            ([0x89, 0x50, 0x4E, 0x47] + zeros, "The file is a PNG picture, not a video."),
            (Array("PK\u{3}\u{4}".utf8) + zeros, "The file is a ZIP archive, not a video."),
            ([0x7F, 0x45, 0x4C, 0x46] + zeros, "The file is a program, not a video."),
            (zeros, "The file" + Self.wrongKind),
        ]
        for (bytes, sentence) in named { #expect(try refusal(try TestFiles.file(bytes)) == sentence) }
    }

    @Test func randomBytesAreNoVideo() throws {
        var random = SplitMix64(seed: 11)
        let bytes = (0..<200_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        #expect(try refusal(try TestFiles.file(bytes)) == "The file" + Self.wrongKind)
    }

    @Test func aPlaylistBehindAByteThatHidesItIsNotOpenedEither() throws {
        // The demuxer's list of formats refuses what the look at the first bytes lets pass.
        let text = "\u{1}\n" + "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
        #expect(try refusal(of: text) == "The file" + Self.wrongKind)
    }

    @Test func aPictureThatIsTooSmall() throws {
        let file = try TestFiles.folder() + "/a.mkv"
        try Clip.ffmpeg(["testsrc2=size=14x20:duration=1"], ["-c:v", "libx264", "-pix_fmt", "yuv420p"], file)
        #expect(
            try refusal(file) == "The video's picture of 14x20 is too small; it must be at least 16x16.")
    }

    @Test func aFolderIsNoFile() throws {
        #expect(try refusal(try TestFiles.folder()) == "The input is not a regular file.")
    }

    /// Damaged headers never take the process down and never hang it.
    @Test(.timeLimit(.minutes(5))) func mutatedHeadsAreSurvived() throws {
        let original = try TestFiles.read(try Self.small("a.mp4", ["-movflags", "+faststart"]))
        let headBytes = try #require(
            original.indices.dropLast(4).first { Array(original[$0..<$0 + 4]) == Array("mdat".utf8) })
        var random = SplitMix64(seed: 5)
        var opened = 0
        for _ in 0..<300 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let at = Int.random(in: 0..<headBytes, using: &random)
                bytes[at] = UInt8.random(in: 0...255, using: &random)
            }
            let descriptor = open(try TestFiles.scratch(bytes), O_RDONLY | O_CLOEXEC)
            defer { close(descriptor) }
            if let info = try? SourceInfo(Demuxer(descriptor: descriptor)) {
                _ = try? info.checkUsable()
                opened += 1
            }
        }
        #expect((10..<300).contains(opened), "\(opened)")
    }
}
