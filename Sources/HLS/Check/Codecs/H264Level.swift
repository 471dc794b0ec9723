// SPDX-License-Identifier: Apache-2.0

/// The levels of H.264 and what they allow (ITU-T H.264 table A-1).
struct H264Level {
    /// Ten times the level, as level_idc.
    var number: Int
    /// Macroblocks a second, of a frame, and of the decoded picture buffer.
    private var rateMax: Int
    private var frameMax: Int
    private var bufferMax: Int
    /// Kilobits a second of Baseline and Main; High may have a quarter more (table A-2).
    private var bitsMax: Int

    private static let all = [
        H264Level(10, 1_485, 99, 396, 64),
        H264Level(11, 3_000, 396, 900, 192),
        H264Level(12, 6_000, 396, 2_376, 384),
        H264Level(13, 11_880, 396, 2_376, 768),
        H264Level(20, 11_880, 396, 2_376, 2_000),
        H264Level(21, 19_800, 792, 4_752, 4_000),
        H264Level(22, 20_250, 1_620, 8_100, 4_000),
        H264Level(30, 40_500, 1_620, 8_100, 10_000),
        H264Level(31, 108_000, 3_600, 18_000, 14_000),
        H264Level(32, 216_000, 5_120, 20_480, 20_000),
        H264Level(40, 245_760, 8_192, 32_768, 20_000),
        H264Level(41, 245_760, 8_192, 32_768, 50_000),
        H264Level(42, 522_240, 8_704, 34_816, 50_000),
        H264Level(50, 589_824, 22_080, 110_400, 135_000),
        H264Level(51, 983_040, 36_864, 184_320, 240_000),
        H264Level(52, 2_073_600, 36_864, 184_320, 240_000),
    ]

    private init(_ number: Int, _ rateMax: Int, _ frameMax: Int, _ bufferMax: Int, _ bitsMax: Int) {
        self.number = number
        (self.rateMax, self.frameMax, self.bufferMax, self.bitsMax) = (rateMax, frameMax, bufferMax, bitsMax)
    }

    /// The lowest level for pictures of a set at a frame rate and a bit rate; nil when none is enough.
    static func lowest(_ set: SequenceParameterSet, framesPerSecond: Double, bitsPerSecond: Int) -> Int? {
        let (width, height) = (set.widthInMacroblocks, set.heightInMacroblocks)
        let frame = width * height
        return all.first { level in
            let side = 8 * level.frameMax
            return frame <= level.frameMax && width * width <= side && height * height <= side
                && Double(frame) * framesPerSecond <= Double(level.rateMax) * 1.001
                && frame * set.referenceFrames <= level.bufferMax
                && Double(bitsPerSecond) <= Double(level.bitsMax) * (set.profile >= 100 ? 1_250 : 1_000)
        }?.number
    }
}
