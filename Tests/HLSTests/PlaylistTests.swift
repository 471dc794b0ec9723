// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

@Suite struct PlaylistTests {
    private static let map = InitializationSection(uri: "init.mp4")

    @Test func aMediaPlaylistIsWrittenLineByLine() {
        let playlist = MediaPlaylist(
            targetDurationSeconds: 6,
            segments: [
                MediaSegment(uri: "0.m4s", durationSeconds: 6.006, map: Self.map),
                MediaSegment(uri: "1.m4s", durationSeconds: 1.2345678, map: Self.map),
            ])
        #expect(
            playlist.text() == """
                #EXTM3U
                #EXT-X-VERSION:7
                #EXT-X-TARGETDURATION:6
                #EXT-X-MEDIA-SEQUENCE:0
                #EXT-X-PLAYLIST-TYPE:VOD
                #EXT-X-INDEPENDENT-SEGMENTS
                #EXT-X-MAP:URI="init.mp4"
                #EXTINF:6.006000,
                0.m4s
                #EXTINF:1.234568,
                1.m4s
                #EXT-X-ENDLIST

                """)
    }

    @Test func aMediaPlaylistSurvivesWritingAndParsing() throws {
        let key = EncryptionKey(method: .aes128, uri: "key/0", initializationVector: "0x0A")
        let playlist = MediaPlaylist(
            targetDurationSeconds: 4, mediaSequence: 7, kind: .event,
            segments: [
                MediaSegment(uri: "7.m4s", durationSeconds: 4, map: Self.map),
                MediaSegment(
                    uri: "all.m4s", durationSeconds: 3.5, byteRange: ByteRange(length: 10, offset: 20),
                    map: InitializationSection(uri: "all.m4s", byteRange: ByteRange(length: 5, offset: 0)), key: key,
                    isDiscontinuous: true),
            ], isComplete: false)
        #expect(try Playlist.parse(Array(playlist.text().utf8)) == .media(playlist))
    }

    @Test func aMultivariantPlaylistSurvivesWritingAndParsing() throws {
        let playlist = MultivariantPlaylist(
            renditions: [
                Rendition(
                    kind: .audio, group: "audio", name: "Sound", language: "en", channels: 2, uri: "audio/index.m3u8")
            ],
            variants: [
                Variant(
                    uri: "480p/index.m3u8", bandwidth: 845_938, averageBandwidth: 690_261,
                    codecs: ["avc1.64001e", "mp4a.40.2"], resolution: PictureSize(width: 854, height: 480),
                    frameRate: 23.976, audioGroup: "audio")
            ])
        #expect(try Playlist.parse(Array(playlist.text().utf8)) == .multivariant(playlist))
    }

    @Test func textsCanNotBreakOutOfTheirPlace() throws {
        let playlist = MultivariantPlaylist(
            renditions: [
                Rendition(kind: .audio, group: "audio", name: "a\",URI=\"http://x\n#EXT", uri: "audio/index.m3u8")
            ],
            variants: [Variant(uri: "a\nhttp://x", bandwidth: 1)])
        guard case .multivariant(let parsed) = try Playlist.parse(Array(playlist.text().utf8)) else {
            Issue.record("not a multivariant playlist")
            return
        }
        #expect(parsed.renditions.map(\.uri) == ["audio/index.m3u8"])
        #expect(parsed.variants.map(\.uri) == ["ahttp://x"])
    }

    @Test func lineEndsCommentsAndUnknownTagsDoNotMatter() throws {
        let text =
            "#EXTM3U\r\n# a comment\r\n\r\n#EXT-X-NEW:1\r\n#EXT-X-TARGETDURATION:6\r\n#EXTINF:5,title\r\na.ts\r\n"
        guard case .media(let playlist) = try Playlist.parse(Array(text.utf8)) else {
            Issue.record("not a media playlist")
            return
        }
        #expect(playlist.segments == [MediaSegment(uri: "a.ts", durationSeconds: 5)])
        #expect(playlist.version == 1)
        #expect(!playlist.isComplete)
    }

    @Test(arguments: [
        ("", "#EXTM3U"),
        ("\u{FEFF}#EXTM3U\n", "#EXTM3U"),
        ("#EXTM3U\n", "EXT-X-TARGETDURATION is missing"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\na.ts\n", "without EXTINF"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:1,\n", "without its segment"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:7,\na.ts\n", "longer than"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-TARGETDURATION:6\n", "twice"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:99999999999999999999\n", "whole number"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:-6\n", "whole number"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:nan,\na.ts\n", "decimal number"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:1e300,\na.ts\n", "decimal number"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-BYTERANGE:@5\n", "whole number"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"x\n", "does not end"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"x\"y\n", "behind a quoted"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"x\",URI=\"y\"\n", "twice"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-KEY:METHOD=ROT13,URI=\"k\"\n", "not known"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=12\n", "128 bits"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:1,\na\u{0}b\n", "control character"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", "without its URI"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:CODECS=\"a\"\nx\n", "BANDWIDTH is missing"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1\nx\n", "not a resolution"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nx\n", "does not exist"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nx\n#EXTINF:1,\ny\n", "in a multivariant playlist"),
    ])
    func aBrokenPlaylistIsRefusedWithItsReason(text: String, reason: String) {
        let error = #expect(throws: PlaylistError.self) { try Playlist.parse(Array(text.utf8)) }
        #expect(error?.problem.contains(reason) == true, "\(error?.description ?? "no error")")
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(throws: PlaylistError.self) { try Playlist.parse(Array("#EXTM3U\n".utf8) + [0xC3, 0x28]) }
    }

    /// Every cut and every changed byte of a good playlist parses or is refused; none traps.
    @Test func mutilatedPlaylistsNeverTrap() {
        let playlist = MediaPlaylist(
            targetDurationSeconds: 6,
            segments: [
                MediaSegment(
                    uri: "0.m4s", durationSeconds: 6, byteRange: ByteRange(length: 1, offset: 2), map: Self.map,
                    key: EncryptionKey(method: .sampleAES, uri: "k", initializationVector: "0x1"))
            ])
        let bytes = Array(playlist.text().utf8)
        for position in bytes.indices {
            _ = try? Playlist.parse(bytes[..<position])
            for value: UInt8 in [0, 0x22, 0x2C, 0x3A, 0x39, 0x40, 0xFF] {
                var changed = bytes
                changed[position] = value
                _ = try? Playlist.parse(changed)
            }
        }
    }
}
