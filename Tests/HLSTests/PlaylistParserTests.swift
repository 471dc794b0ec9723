// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

@Suite struct PlaylistParserTests {
    static func media(_ text: String) throws -> MediaPlaylist? {
        guard case .media(let playlist) = try Playlist.parse(text.utf8) else { return nil }
        return playlist
    }

    static func multivariant(_ text: String) throws -> MultivariantPlaylist? {
        guard case .multivariant(let playlist) = try Playlist.parse(text.utf8) else { return nil }
        return playlist
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let clear = InitializationSection(uri: "init.mp4")
        let ranged = InitializationSection(uri: "b.mp4", byteRange: ByteRange(length: 900, offset: 12))
        let key = EncryptionKey(method: .sampleAES, uri: "key?a=1,b=2", initializationVector: "0xABCDEF")
        let playlist = MediaPlaylist(
            version: 6, targetDurationSeconds: 7, mediaSequence: 5, kind: .event, iFramesOnly: true,
            segments: [
                MediaSegment(uri: "0.m4s", durationSeconds: 6.25, map: clear),
                MediaSegment(uri: "1.m4s", durationSeconds: 0.000001, map: clear, key: key),
                MediaSegment(
                    uri: "b.mp4", durationSeconds: 7.4, byteRange: ByteRange(length: 1, offset: 2), map: ranged,
                    key: key,
                    isDiscontinuous: true),
                MediaSegment(uri: "b.mp4", durationSeconds: 7, byteRange: ByteRange(length: 3), map: ranged),
            ], isComplete: false)
        #expect(try Self.media(playlist.text()) == playlist)
        #expect(playlist.durationSeconds == 20.650001)
    }

    @Test func whatIsWrittenAsMultivariantIsReadBack() throws {
        let playlist = MultivariantPlaylist(
            independentSegments: false,
            renditions: [
                Rendition(kind: .audio, group: "a", name: "Ton, hell", language: "de", channels: 6, uri: "de.m3u8"),
                Rendition(kind: .audio, group: "a", name: "é = 2", isDefault: false, isAutoselect: false),
                Rendition(kind: .subtitles, group: "s", name: "s", isDefault: false, uri: "s.m3u8"),
            ],
            variants: [
                Variant(
                    uri: "1.m3u8", bandwidth: 10, averageBandwidth: 9, codecs: ["avc1.64001f", "mp4a.40.2"],
                    resolution: PictureSize(width: 2, height: 4), frameRate: 23.976, audioGroup: "a"),
                Variant(uri: "2.m3u8", bandwidth: 11),
            ])
        #expect(try Self.multivariant(playlist.text()) == playlist)
    }

    @Test func unknownTagsCommentsBlankLinesAndCRLFAreAccepted() throws {
        let text =
            "#EXTM3U\r\n# a comment\r\n\r\n#EXT-X-TARGETDURATION:4\r\n#EXT-X-NEW-THING:A=1\r\n"
            + "#EXTINF:4,A title, with comma\r\nhttp://h/a.m4s?x=#1\r\n#EXTINF:3.5\r\nb"
        let playlist = try #require(try Self.media(text))
        #expect(playlist.version == 1)
        #expect(playlist.segments.map(\.uri) == ["http://h/a.m4s?x=#1", "b"])
        #expect(playlist.segments.map(\.durationSeconds) == [4, 3.5])
        #expect(!playlist.isComplete && playlist.kind == nil && playlist.mediaSequence == 0)
    }

    @Test func unknownAttributesAreSkippedAndMarksStayInTheirValues() throws {
        let playlist = try #require(
            try Self.multivariant(
                "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"\u{301}x\",X-NEW=\"1,2\",CHANNELS=\"6/JOC\"\n"
                    + "#EXT-X-STREAM-INF:BANDWIDTH=5,VIDEO-RANGE=SDR,CODECS=\"a, b\",AUDIO=\"a\"\nu\n"))
        #expect(playlist.renditions.map(\.name) == ["\u{301}x"])
        #expect(playlist.renditions.map(\.channels) == [6])
        #expect(playlist.variants == [Variant(uri: "u", bandwidth: 5, codecs: ["a", "b"], audioGroup: "a")])
    }

    /// Each text breaks one rule; the error names the line and the rule.
    static let malformed: [(String, String)] = [
        ("", "line 1: the first line is not #EXTM3U"),
        ("\u{FEFF}#EXTM3U\n", "line 1: the first line is not #EXTM3U"),
        ("#EXTM3U8\n", "line 1: the first line is not #EXTM3U"),
        ("#EXTM3U\n#EXTINF:1,\0\na", "line 2: a control character"),
        ("#EXTM3U\n#EXTINF:1,\na\n", "line 3: EXT-X-TARGETDURATION is missing"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:\n", "line 2: `` is not a whole number up to 1000000"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:-1\n", "line 2: `-1` is not a whole number up to 1000000"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6.5\n", "line 2: `6.5` is not a whole number up to 1000000"),
        (
            "#EXTM3U\n#EXT-X-TARGETDURATION:99999999999999999999\n",
            "line 2: `99999999999999999999` is not a whole number up to 1000000"
        ),
        (
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-TARGETDURATION:6\n", "line 3: EXT-X-TARGETDURATION occurs twice"
        ),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\na.m4s\n", "line 3: a segment without EXTINF"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n", "line 3: an EXTINF without its segment"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:,\na\n", "line 3: `` is not a decimal number"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:nan,\na\n", "line 3: `nan` is not a decimal number"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:1.2.3,\na\n", "line 3: `1.2.3` is not a decimal number"),
        (
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.5,\nlong.m4s\n#EXT-X-ENDLIST",
            "line 5: the segment long.m4s is longer than EXT-X-TARGETDURATION"
        ),
        (
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na\n#EXT-X-MEDIA-SEQUENCE:4\n",
            "line 5: EXT-X-MEDIA-SEQUENCE behind the first segment"
        ),
        ("#EXTM3U\n#EXT-X-PLAYLIST-TYPE:LIVE\n", "line 2: the playlist type is neither VOD nor EVENT"),
        ("#EXTM3U\n#EXT-X-MAP:BYTERANGE=\"1@2\"\n", "line 2: URI is missing"),
        ("#EXTM3U\n#EXT-X-MAP:URI=\"a\n", "line 2: a quoted value does not end"),
        ("#EXTM3U\n#EXT-X-MAP:URI=\"a\"b\n", "line 2: text behind a quoted value"),
        ("#EXTM3U\n#EXT-X-MAP:URI\n", "line 2: an attribute without a value"),
        ("#EXTM3U\n#EXT-X-MAP:uri=\"a\"\n", "line 2: `uri` is not an attribute's name"),
        ("#EXTM3U\n#EXT-X-MAP:URI=\"a\",URI=\"b\"\n", "line 2: the attribute URI occurs twice"),
        ("#EXTM3U\n#EXT-X-KEY:METHOD=ROT13,URI=\"a\"\n", "line 2: the encryption method ROT13 is not known"),
        ("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128\n", "line 2: URI is missing"),
        (
            "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"a\",IV=0x0123456789abcdef0123456789abcdef0\n",
            "line 2: the IV is not a number of 128 bits"
        ),
        ("#EXTM3U\n#EXT-X-BYTERANGE:1@\n", "line 2: `` is not a whole number up to 9007199254740992"),
    ]

    @Test(arguments: malformed) func malformedMediaPlaylistsAreRefused(text: String, problem: String) {
        #expect(message(Array(text.utf8)) == problem)
    }

    static let malformedMultivariant: [(String, String)] = [
        ("#EXT-X-STREAM-INF:AVERAGE-BANDWIDTH=1\na", "line 2: BANDWIDTH is missing"),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1\n", "line 2: EXT-X-STREAM-INF without its URI"),
        (
            "#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-STREAM-INF:BANDWIDTH=1\na",
            "line 3: EXT-X-STREAM-INF without its URI"
        ),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1\na\nb", "line 4: a URI without EXT-X-STREAM-INF"),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"no\"\na", "line 3: the audio group no does not exist"),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1x2x3\na", "line 2: `1x2x3` is not a resolution"),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1,FRAME-RATE=-5\na", "line 2: `-5` is not a decimal number"),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1\na\n#EXTINF:1,\nb", "line 4: EXTINF in a multivariant playlist"),
        ("#EXT-X-MEDIA:TYPE=SMELL,GROUP-ID=\"a\",NAME=\"a\"", "line 2: the TYPE is not known"),
        ("#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"a\"", "line 2: GROUP-ID is missing"),
    ]

    @Test(arguments: malformedMultivariant) func malformedMultivariantPlaylistsAreRefused(text: String, problem: String)
    {
        #expect(message(Array(("#EXTM3U\n" + text).utf8)) == problem)
    }

    @Test func tooLargeAndNotUTF8AreRefused() {
        #expect(message(Array("#EXTM3U\n".utf8) + [0xC3, 0x28]) == "line 1: the playlist is not UTF-8")
        let large = Array("#EXTM3U\n".utf8) + [UInt8](repeating: 0x0A, count: Playlist.bytesMax)
        #expect(message(large) == "line 1: the playlist is larger than 16777216 bytes")
    }

    func message(_ bytes: [UInt8]) -> String {
        do throws(PlaylistError) {
            _ = try Playlist.parse(bytes)
            return "accepted"
        } catch {
            return error.description
        }
    }
}
