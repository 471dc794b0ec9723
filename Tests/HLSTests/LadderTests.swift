// SPDX-License-Identifier: Apache-2.0

import HLS
import Testing

@Suite struct LadderTests {
    @Test(arguments: [
        ("1920x1080", "240p 416x234, 360p 640x360, 480p 832x468, 720p 1280x720, 1080p 1920x1080"),
        ("3840x2160", "240p 416x234, 360p 640x360, 480p 832x468, 720p 1280x720, 1080p 1920x1080"),
        ("1280x720", "240p 416x234, 360p 640x360, 480p 832x468, 720p 1280x720"),
        ("854x480", "240p 416x234, 360p 640x360, 480p 854x480"),
        ("852x480", "240p 416x234, 360p 640x360, 480p 852x480"),
        ("640x480", "240p 312x234, 360p 480x360, 480p 640x480"),
        ("1920x804", "240p 416x174, 360p 640x268, 480p 854x358, 720p 1280x536, 1080p 1920x804"),
        ("1080x1920", "240p 234x416, 360p 360x640, 480p 468x832, 720p 720x1280, 1080p 1080x1920"),
        ("427x241", "240p 414x234"),
        ("320x180", "240p 320x180"),
        ("65x49", "240p 64x48"),
    ])
    func theRungsOfASource(source: String, expected: String) {
        let sides = source.split(separator: "x").compactMap { Int($0) }
        let rungs = Ladder.rungs(source: PictureSize(width: sides[0], height: sides[1]))
        #expect(rungs.map { "\($0.name) \($0.size)" }.joined(separator: ", ") == expected)
    }

    @Test func noRungIsEverLargerThanItsSourceOddOrOutOfShape() {
        for width in stride(from: 16, through: 2600, by: 37) {
            for height in stride(from: 16, through: 2600, by: 41) {
                let rungs = Ladder.rungs(source: PictureSize(width: width, height: height))
                #expect(!rungs.isEmpty)
                for rung in rungs {
                    #expect(rung.size.width <= width && rung.size.height <= height)
                    #expect(rung.size.width % 2 == 0 && rung.size.height % 2 == 0)
                    #expect(rung.size.width >= 2 && rung.size.height >= 2)
                    // Within the rounding to even sizes.
                    let exact = Double(rung.size.width) * Double(height) / Double(width)
                    let tolerance = 1.5 + 1.5 * Double(height) / Double(width)
                    #expect(abs(exact - Double(rung.size.height)) <= tolerance, "\(width)x\(height) -> \(rung.size)")
                }
                #expect(Set(rungs.map(\.name)).count == rungs.count)
                #expect(rungs.map(\.videoBitsPerSecondMax) == rungs.map(\.videoBitsPerSecondMax).sorted())
            }
        }
    }
}
