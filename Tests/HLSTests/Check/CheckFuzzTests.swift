// SPDX-License-Identifier: Apache-2.0

import Fuzzing
import Testing

@testable import HLS

/// Whatever the files hold, the check ends with a report and never traps.
@Suite struct CheckFuzzTests {
    /// Short, so that most damage hits what has a meaning.
    private static let small = GoodPresentation { shape in
        for index in shape.videos.indices {
            shape.videos[index].framesOfSegments = [4, 4]
            shape.videos[index].gopFrames = 2
            shape.videos[index].keyBytes = 20
            shape.videos[index].otherBytes = 12
        }
        shape.audioFrames = [3, 3]
        shape.audioFrameBytes = 8
        shape.iFrameSeconds = 5
    }

    private static let damaged = [
        "master.m3u8", "240p/index.m3u8", "240p/iframes.m3u8", "240p/init.mp4", "240p/0.m4s", "240p/1.m4s",
        "240p/iframes.m4s", "audio/init.mp4", "audio/0.m4s", "text/0.vtt", "text/index.m3u8",
    ]

    private static let words = [
        "moof", "traf", "trun", "tfhd", "tfdt", "mdat", "moov", "trak", "stsd", "avc1", "avcC", "hvc1", "hvcC", "esds",
        "edts", "elst", "\u{0}\u{0}\u{0}\u{0}", "\u{0}\u{0}\u{0}\u{1}", "\u{7F}\u{7F}\u{7F}\u{7F}", "-->",
        "00:00:01.000",
        "#EXT-X-BYTERANGE:9223372036854775807@1\n", "#EXT-X-MAP:URI=\"init.mp4\"\n", "#EXTINF:1e9,\n", "../", "%2e%2e/",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key\"\n", "#EXT-X-DISCONTINUITY\n",
        "BYTERANGE=\"9007199254740992@9007199254740992\"",
        "BANDWIDTH=9007199254740992", "RESOLUTION=1048576x1048576", "#EXT-X-TARGETDURATION:0\n", "WEBVTT\n",
    ]

    @Test(arguments: damaged) func damageNeverTraps(file: String) throws {
        let good = Self.small
        let corpus = [try #require(good.files[file])]
        var withSegments = 0
        let problem = Fuzzer(corpus: corpus, words: Self.words).run(iterations: 150) { input, _ in
            var presentation = good
            presentation.files[file] = input
            let report = presentation.check()
            if report.renditions.contains(where: { $0.measuredBandwidth != nil }) { withSegments += 1 }
            let hasPlaces = report.findings.allSatisfy { !$0.place.isEmpty && !$0.sentence.isEmpty }
            let isBounded = report.findings.count <= CheckRule.allCases.count * (FindingList.perRuleMax + 1)
            return hasPlaces && isBounded ? nil : "the report is not in order"
        }
        #expect(problem == nil)
        // Most damage leaves something that is still looked into.
        #expect(withSegments > 30, "\(withSegments)")
    }

    @Test func numbersAtTheirLimitsDoNotOverflow() {
        for value: UInt8 in [0x7F, 0xFF] {
            for (file, path) in [
                ("240p/0.m4s", ["moof", "traf", "tfdt"]), ("240p/0.m4s", ["moof", "traf", "trun"]),
                ("240p/0.m4s", ["moof", "traf", "tfhd"]), ("240p/init.mp4", ["moov", "mvhd"]),
                ("240p/init.mp4", ["moov", "trak", "tkhd"]), ("240p/init.mp4", ["moov", "trak", "mdia", "mdhd"]),
                ("240p/init.mp4", ["moov", "mvex", "trex"]),
                ("240p/init.mp4", ["moov", "trak", "mdia", "minf", "stbl", "stsd"]),
            ] {
                var presentation = Self.small
                presentation.edit(file, path) { body in
                    // Behind version and flags.
                    for index in body.indices.dropFirst(4) { body[index] = value }
                }
                #expect(!presentation.check().findings.isEmpty)
            }
        }
    }
}
