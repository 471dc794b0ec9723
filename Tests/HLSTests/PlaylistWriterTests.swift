// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

@Suite struct PlaylistWriterTests {
    @Test func aFinishedMediaPlaylist() {
        let map = InitializationSection(uri: "init.mp4")
        let playlist = MediaPlaylist(
            targetDurationSeconds: 6,
            segments: [
                MediaSegment(uri: "0.m4s", durationSeconds: 6.006, map: map),
                MediaSegment(uri: "1.m4s", durationSeconds: 1.0 / 3, map: map),
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
                #EXTINF:0.333333,
                1.m4s
                #EXT-X-ENDLIST

                """)
    }

    @Test func aGrowingEncryptedPlaylistWithRanges() {
        let key = EncryptionKey(method: .aes128, uri: "/v/a/key/0", initializationVector: "0x0f")
        let map = InitializationSection(uri: "all.mp4", byteRange: ByteRange(length: 800, offset: 0))
        let playlist = MediaPlaylist(
            version: 8, targetDurationSeconds: 2, mediaSequence: 41, kind: nil, independentSegments: false,
            iFramesOnly: true,
            segments: [
                MediaSegment(
                    uri: "all.mp4", durationSeconds: 2, byteRange: ByteRange(length: 10, offset: 800), map: map,
                    key: key),
                MediaSegment(uri: "all.mp4", durationSeconds: 2, byteRange: ByteRange(length: 20), map: map, key: key),
                MediaSegment(uri: "b.mp4", durationSeconds: 1.5, map: map, isDiscontinuous: true),
            ], isComplete: false)
        #expect(
            playlist.text() == """
                #EXTM3U
                #EXT-X-VERSION:8
                #EXT-X-TARGETDURATION:2
                #EXT-X-MEDIA-SEQUENCE:41
                #EXT-X-I-FRAMES-ONLY
                #EXT-X-MAP:URI="all.mp4",BYTERANGE="800@0"
                #EXT-X-KEY:METHOD=AES-128,URI="/v/a/key/0",IV=0x0f
                #EXTINF:2.000000,
                #EXT-X-BYTERANGE:10@800
                all.mp4
                #EXTINF:2.000000,
                #EXT-X-BYTERANGE:20
                all.mp4
                #EXT-X-DISCONTINUITY
                #EXT-X-KEY:METHOD=NONE
                #EXTINF:1.500000,
                b.mp4

                """)
    }

    @Test func aMultivariantPlaylist() {
        let playlist = MultivariantPlaylist(
            renditions: [
                Rendition(
                    kind: .audio, group: "audio", name: "Sound", language: "de", channels: 2, uri: "audio/index.m3u8")
            ],
            variants: [
                Variant(
                    uri: "480p/index.m3u8", bandwidth: 934_000, averageBandwidth: 811_500,
                    codecs: ["avc1.64001f", "mp4a.40.2"], resolution: PictureSize(width: 854, height: 480),
                    frameRate: 30000.0 / 1001, audioGroup: "audio"),
                Variant(uri: "240p/index.m3u8", bandwidth: 1),
            ])
        #expect(
            playlist.text() == """
                #EXTM3U
                #EXT-X-VERSION:7
                #EXT-X-INDEPENDENT-SEGMENTS
                #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Sound",LANGUAGE="de",DEFAULT=YES,AUTOSELECT=YES,\
                CHANNELS="2",URI="audio/index.m3u8"
                #EXT-X-STREAM-INF:BANDWIDTH=934000,AVERAGE-BANDWIDTH=811500,CODECS="avc1.64001f,mp4a.40.2",\
                RESOLUTION=854x480,FRAME-RATE=29.970,AUDIO="audio",CLOSED-CAPTIONS=NONE
                480p/index.m3u8
                #EXT-X-STREAM-INF:BANDWIDTH=1,CLOSED-CAPTIONS=NONE
                240p/index.m3u8

                """)
    }

    @Test func textsCanNotLeaveTheirLineOrTheirQuotes() {
        let hostile = "a\",URI=\"http://evil/\r\n#EXT-X-ENDLIST\u{7F}\0"
        #expect(quoted(hostile) == "\"a,URI=http://evil/#EXT-X-ENDLIST\"")
        #expect(line(hostile) == "a\",URI=\"http://evil/#EXT-X-ENDLIST")
        // A quote with a combining mark behind it is one character for Swift but still a quote for a player.
        let combined = quoted("a\"\u{301},URI=b").unicodeScalars.filter { $0 == "\"" }
        #expect(combined.count == 2)
    }

    @Test func numbersHaveAFixedCountOfDecimals() {
        #expect(decimal(0, places: 3) == "0.000")
        #expect(decimal(0.0005, places: 3) == "0.001")
        #expect(decimal(59.94005994, places: 3) == "59.940")
        #expect(decimal(5.9999996, places: 6) == "6.000000")
        #expect(decimal(-1, places: 2) == "0.00")
        #expect(decimal(.nan, places: 2) == "0.00")
        #expect(decimal(.infinity, places: 2) == "0.00")
        #expect(decimal(1e300, places: 6) == "1000000000000.000000")
    }
}
