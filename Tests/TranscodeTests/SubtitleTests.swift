// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// Text subtitles become WebVTT renditions.
@Suite struct SubtitleTests {
    private static let subRip = """
        1
        00:00:01,000 --> 00:00:02,500
        <i>Guten Tag</i> & <b>mehr</b>

        2
        00:00:03,000 --> 00:00:03,900
        Zwei
        Zeilen
        """

    /// A clip of 4 s with a track of subtitles made from `text`, of a codec that its container knows.
    private func source(_ name: String, codec: String, text: String = subRip, _ options: [String] = []) throws -> String
    {
        let folder = try TestFiles.folder()
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/text.srt"))
        let file = folder + "/" + name
        try Tool.succeed(
            "ffmpeg",
            ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=4", "-i", folder + "/text.srt"]
                + ["-map", "0", "-map", "1", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
                + ["-c:s", codec, "-metadata:s:s:0", "language=ger"] + options + [file])
        return file
    }

    @Test(arguments: [("a.mkv", "subrip"), ("a.mkv", "ass"), ("a.webm.mkv", "webvtt"), ("a.mp4", "mov_text")])
    func textSubtitlesBecomeWebVTT(name: String, codec: String) throws {
        let made = try Made(try source(name, codec: codec))
        #expect(
            made.multivariant.renditions == [
                Rendition(
                    kind: .subtitles, group: "subtitles", name: "Deutsch", language: "de", isDefault: false,
                    uri: "subtitles/index.m3u8")
            ])
        #expect(made.multivariant.variants.allSatisfy { $0.subtitlesGroup == "subtitles" })
        // Beside the text's styling, which not every format keeps, all are the same.
        let text = try TestFiles.text(made.folder + "/subtitles/0.vtt")
        let plain = text.replacing(/<\/?[ib]>/, with: "")
        #expect(
            plain == """
                WEBVTT
                X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0

                00:00:01.000 --> 00:00:02.500
                Guten Tag &amp; mehr

                00:00:03.000 --> 00:00:03.900
                Zwei
                Zeilen

                """, "\(codec)")
        if codec == "subrip" { #expect(text.contains("<i>Guten Tag</i> &amp; <b>mehr</b>")) }
        guard case .media(let playlist) = try Playlist.parse(try TestFiles.read(made.playlist("subtitles"))) else {
            throw Fragments.Malformed()
        }
        #expect(playlist.segments.map(\.uri) == ["0.vtt"] && abs(playlist.durationSeconds - 4) < 0.001)
        #expect(playlist.kind == .vod && playlist.isComplete && playlist.segments.allSatisfy { $0.map == nil })
        try Tool.succeed("ffmpeg", ["-v", "error", "-i", made.folder + "/subtitles/0.vtt", "-f", "srt", "-"])
    }

    @Test func forcedSubtitlesAndThoseWithoutTextAndOfPictures() throws {
        let forced = try Made(try source("a.mkv", codec: "subrip", ["-disposition:s:0", "forced"]))
        #expect(forced.multivariant.renditions.map(\.isForced) == [true])
        // A track that never shows anything is left out.
        let empty = "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}\n"
        let without = try Made(try source("a.mkv", codec: "ass", text: empty))
        #expect(without.multivariant.renditions.isEmpty)
        #expect(without.multivariant.variants.allSatisfy { $0.subtitlesGroup == nil })
    }

    /// Subtitles that are pictures are left out, and `probe` says what they are.
    @Test func picturesOfTextAreLeftOut() throws {
        let folder = try TestFiles.folder()
        let file = folder + "/a.mkv"
        // A packet of nothing: the track is what counts. ffmpeg makes bitmaps only from bitmaps.
        try Tool.succeed(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=1", "-c:v", "libx264", "-preset",
                "ultrafast",
            ]
                + ["-pix_fmt", "yuv420p", folder + "/v.mkv"])
        let sup = folder + "/s.sup"
        try Data(Self.presentationGraphics).write(to: URL(fileURLWithPath: sup))
        try Tool.succeed(
            "ffmpeg", ["-v", "error", "-i", folder + "/v.mkv", "-i", sup, "-map", "0", "-map", "1", "-c", "copy", file])
        let made = try Made(file)
        #expect(made.multivariant.renditions.isEmpty)
        let info = SourceInfo(try Demuxer(descriptor: try TestFiles.descriptor(file)))
        #expect(info.subtitles.map(\.codec) == ["hdmv_pgs_subtitle"] && info.subtitles.map(\.isText) == [false])
    }

    /// A display set of a Blu-ray's subtitles: a composition without objects and its end, at 0.5 s.
    private static let presentationGraphics: [UInt8] = {
        func segment(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
            Array("PG".utf8) + [0, 0, 0xAF, 0xC8, 0, 0, 0, 0, type, 0, UInt8(body.count)] + body
        }
        return segment(0x16, [0, 64, 0, 64, 0x10, 0, 0, 0x80, 0, 0, 0]) + segment(0x80, [])
    }()

    @Test func longVideosHaveAFileForEachMinuteAndCuesOverACutAreInBoth() {
        let cues = [
            SubtitleCue(startMilliseconds: 59_000, endMilliseconds: 61_000, text: "over"),
            SubtitleCue(startMilliseconds: 60_000, endMilliseconds: 60_500, text: "behind"),
        ]
        let first = WebVTT.segment(cues, in: 0..<60_000)
        let second = WebVTT.segment(cues, in: 60_000..<120_000)
        #expect(first.contains("00:00:59.000 --> 00:01:01.000\nover\n") && !first.contains("behind"))
        #expect(second.contains("over") && second.contains("00:01:00.000 --> 00:01:00.500\nbehind\n"))
        #expect(WebVTT.segment([], in: 0..<1) == "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n")
        #expect(WebVTT.timing(3_723_004, 360_000_000) == "01:02:03.004 --> 100:00:00.000")
    }

    @Test func markupOfASSIsTranslatedOrLeftOut() {
        func text(_ event: String) -> String { WebVTT.cueText(event: "0,0,Default,,0,0,0,,\(event)") }
        #expect(text("plain, with a comma") == "plain, with a comma")
        #expect(text("a\\Nb\\nc\\hd") == "a\nb\nc\u{A0}d")
        #expect(text("{\\i1}slanted{\\i0} {\\b700}fat{\\b0}") == "<i>slanted</i> <b>fat</b>")
        // Marks nest and are closed at the end.
        #expect(text("{\\i1}a{\\b1}b{\\i0}c") == "<i>a<b>b</b></i>c")
        #expect(text("{\\u1\\i1}a{\\r}b") == "<u><i>a</i></u>b")
        #expect(text("{\\an8\\fs20\\c&HFFFFFF&\\be1\\pos(1,2)}top") == "top")
        #expect(text("{\\p1}m 0 0 l 10 10{\\p0}") == "")
        #expect(text("{\\i1}{\\i0}\\N ") == "")
        #expect(text("a\\N\\N\\Nb") == "a\nb")
        #expect(text("1 < 2 & 3 --> 4") == "1 &lt; 2 &amp; 3 --&gt; 4")
        #expect(text("an {open brace") == "an {open brace")
        #expect(text("a\u{0}\u{1B}b") == "ab")
        #expect(WebVTT.cueText(event: "too,few") == "")
    }
}
