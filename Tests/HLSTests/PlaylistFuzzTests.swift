// SPDX-License-Identifier: Apache-2.0

import Fuzzing
import Testing

@testable import HLS

/// As `PlaylistMutationTests`, with words of the format, and for as long as one likes.
@Suite struct PlaylistFuzzTests {
    @Test func whatIsAcceptedIsReadBackTheSame() throws {
        let words = [
            "#EXTINF:6,\n", "#EXTM3U\n", "#EXT-X-ENDLIST\n", "\r\n", "#EXT-X-BYTERANGE:1@2\n", "1e9", "-1",
            "99999999999999999999", "=\"", "URI=", ",", "#EXT-X-KEY:METHOD=NONE\n", "#EXT-X-DISCONTINUITY\n",
            "\u{FEFF}",
        ]
        let corpus = [PlaylistMutationTests.media, PlaylistMutationTests.multivariant]
        var accepted = 0
        let problem = try Fuzzer(corpus: corpus, words: words).run(iterations: 4_000) { input, _ in
            guard let playlist = try? Playlist.parse(input) else { return nil }
            accepted += 1
            let once = PlaylistMutationTests().text(playlist)
            let again = try Playlist.parse(once.utf8)
            return PlaylistMutationTests().text(again) == once ? nil : "written otherwise the second time"
        }
        #expect(problem == nil)
        #expect(accepted > 50)
    }
}
