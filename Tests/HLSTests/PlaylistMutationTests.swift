// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

/// Damaged playlists never trap; what is accepted is written and read back as the same.
@Suite struct PlaylistMutationTests {
    static let media = Array(
        """
        #EXTM3U
        #EXT-X-VERSION:7
        #EXT-X-TARGETDURATION:6
        #EXT-X-MEDIA-SEQUENCE:3
        #EXT-X-PLAYLIST-TYPE:VOD
        #EXT-X-MAP:URI="init.mp4",BYTERANGE="100@0"
        #EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x00ff
        #EXTINF:6.000000,
        #EXT-X-BYTERANGE:10@20
        0.m4s
        #EXT-X-DISCONTINUITY
        #EXT-X-KEY:METHOD=NONE
        #EXTINF:5.500000,title
        1.m4s
        #EXT-X-ENDLIST

        """.utf8)

    static let multivariant = Array(
        """
        #EXTM3U
        #EXT-X-VERSION:7
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Sound",LANGUAGE="de",DEFAULT=YES,CHANNELS="2",URI="a.m3u8"
        #EXT-X-STREAM-INF:BANDWIDTH=900,AVERAGE-BANDWIDTH=800,CODECS="avc1.64001f",RESOLUTION=2x4,FRAME-RATE=25,AUDIO="a"
        v.m3u8

        """.utf8)

    @Test(arguments: [(media, UInt64(1)), (multivariant, UInt64(2))])
    func mutations(original: [UInt8], seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let hints = Array("#:,=\"@x0.9\n\r-".utf8)
        var accepted = 0
        for round in 0..<5_000 {
            let bytes = random.mutation(of: original, hints: hints)
            guard let playlist = try? Playlist.parse(bytes) else { continue }
            accepted += 1
            // EXTINF is written with six decimals and MAP can not be taken back, so the second writing is compared.
            let once = text(playlist)
            let again = try Playlist.parse(once.utf8)
            #expect(text(again) == once, "round \(round) of seed \(seed)")
        }
        // Enough are accepted and enough refused for the loop to mean something.
        #expect((500..<4_500).contains(accepted), "\(accepted)")
    }

    func text(_ playlist: Playlist) -> String {
        switch playlist {
        case .media(let media): media.text()
        case .multivariant(let multivariant): multivariant.text()
        }
    }
}
