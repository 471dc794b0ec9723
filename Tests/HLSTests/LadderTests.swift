// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

@Suite struct LadderTests {
    func ladder(_ width: Int, _ height: Int) -> [String] {
        Ladder.rungs(source: PictureSize(width: width, height: height)).map { "\($0.name) \($0.size)" }
    }

    @Test func wideSourcesGetTheClassesBelowThem() {
        let all = ["240p 416x234", "360p 640x360", "480p 832x468", "720p 1280x720", "1080p 1920x1080"]
        #expect(ladder(3840, 2160) == all)
        #expect(ladder(1920, 1080) == all)
        #expect(ladder(1280, 720) == Array(all[..<4]))
        #expect(ladder(640, 360) == Array(all[..<2]))
        #expect(ladder(416, 234) == ["144p 256x144"] + all[..<1])
    }

    @Test func aSourceOf480LinesIsARungInItsOwnSize() {
        #expect(ladder(854, 480) == ["240p 416x234", "360p 640x360", "480p 854x480"])
        #expect(ladder(848, 480) == ["240p 414x234", "360p 636x360", "480p 848x480"])
    }

    @Test func uprightSourcesGetTheBoxesOnTheirSide() {
        #expect(ladder(720, 1280) == ["240p 234x416", "360p 360x640", "480p 468x832", "720p 720x1280"])
        #expect(ladder(360, 640) == ["240p 234x416", "360p 360x640"])
    }

    @Test func otherAspectsAreFittedIntoTheBoxes() {
        #expect(ladder(640, 480) == ["240p 312x234", "360p 480x360", "480p 640x480"])
        #expect(
            ladder(1080, 1080) == ["240p 234x234", "360p 360x360", "480p 480x480", "720p 720x720", "1080p 1080x1080"])
        #expect(ladder(853, 481) == ["240p 414x234", "360p 638x360", "480p 852x480"])
    }

    @Test func aSourceThatNearlyFillsABoxIsOfItsClassAndOneThatDoesNotIsNot() {
        #expect(ladder(1100, 620).last == "720p 1100x620")
        #expect(ladder(1024, 576).last == "480p 832x468")
    }

    @Test func aSourceOfOneClassGetsASmallerRungBesideIt() {
        #expect(ladder(320, 180) == ["144p 256x144", "240p 320x180"])
        #expect(ladder(180, 320) == ["144p 144x256", "240p 180x320"])
        #expect(ladder(280, 158) == ["144p 186x106", "240p 280x158"])
        #expect(ladder(161, 91) == ["144p 108x60", "240p 160x90"])
        #expect(ladder(24, 24) == ["144p 16x16", "240p 24x24"])
        #expect(ladder(16, 16) == ["240p 16x16"])
    }

    @Test func theRatesStayBelowThePromisedTable() {
        let rungs = Ladder.rungs(source: PictureSize(width: 1920, height: 1080))
        let bounds = ["240p": 200_000, "360p": 500_000, "480p": 800_000, "720p": 2_500_000, "1080p": 5_000_000]
        for rung in rungs {
            #expect(rung.videoBitsPerSecondMax <= bounds[rung.name] ?? 0)
        }
        #expect(rungs.map(\.videoBitsPerSecondMax) == rungs.map(\.videoBitsPerSecondMax).sorted())
    }

    @Test func noSourceBreaksTheRules() {
        var random = SplitMix64(seed: 7)
        for _ in 0..<5000 {
            let source = PictureSize(width: random.number(16...8192), height: random.number(16...4352))
            let rungs = Ladder.rungs(source: source)
            #expect(!rungs.isEmpty)
            #expect(Set(rungs.map(\.name)).count == rungs.count)
            for rung in rungs {
                let size = rung.size
                #expect(size.width <= source.width && size.height <= source.height, "\(source): \(size)")
                #expect(size.width % 2 == 0 && size.height % 2 == 0 && size.width >= 2 && size.height >= 2)
                // The aspect is kept as far as two pixels of rounding on each side allow.
                let slack = 2 * (source.width + source.height)
                #expect(abs(size.width * source.height - size.height * source.width) <= slack, "\(source): \(size)")
            }
            #expect(zip(rungs, rungs.dropFirst()).allSatisfy { $0.size.height <= $1.size.height })
            #expect(zip(rungs, rungs.dropFirst()).allSatisfy { $0.size != $1.size }, "\(source)")
        }
    }
}
