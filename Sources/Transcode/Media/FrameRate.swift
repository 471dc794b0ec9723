// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// A constant frame rate as an exact fraction.
struct FrameRate: Sendable, Equatable {
    var numerator: Int
    var denominator: Int

    /// Frames per second.
    var value: Double { Double(numerator) / Double(denominator) }
    var rational: AVRational { AVRational(num: Int32(numerator), den: Int32(denominator)) }
    /// The duration of a frame in seconds, and the encoder's time base.
    var frameDuration: AVRational { AVRational(num: Int32(denominator), den: Int32(numerator)) }

    var inLowestTerms: FrameRate {
        guard denominator % 2 == 0, numerator % 2 == 0 else { return self }
        return FrameRate(numerator: numerator / 2, denominator: denominator / 2).inLowestTerms
    }

    /// The duration of `frames` frames.
    func seconds(frames: Int) -> Double { Double(frames) * Double(denominator) / Double(numerator) }

    /// No rendition has more frames per second (Apple's HLS authoring specification, rule 1.19).
    static let valueMax = 60.0
    static let valueMin = 5.0

    private static let standard = [
        FrameRate(numerator: 5, denominator: 1), FrameRate(numerator: 10, denominator: 1),
        FrameRate(numerator: 12, denominator: 1), FrameRate(numerator: 15, denominator: 1),
        FrameRate(numerator: 20, denominator: 1), FrameRate(numerator: 24000, denominator: 1001),
        FrameRate(numerator: 24, denominator: 1), FrameRate(numerator: 25, denominator: 1),
        FrameRate(numerator: 30000, denominator: 1001), FrameRate(numerator: 30, denominator: 1),
        FrameRate(numerator: 48, denominator: 1), FrameRate(numerator: 50, denominator: 1),
        FrameRate(numerator: 60000, denominator: 1001), FrameRate(numerator: 60, denominator: 1),
    ]

    /// The rate that a source gets: its own where that is constant or a standard one; for one of varying rate
    /// the next standard rate above its average; the half (or a quarter, …) of rates above 60.
    ///
    /// `declared` is what the container claims. Where the two differ the average counts: a phone's varying
    /// video is often declared with the rate of its clock.
    static func output(average: AVRational, declared: AVRational) -> FrameRate {
        guard average.num > 0, average.den > 0 else { return FrameRate(numerator: 25, denominator: 1) }
        var rate = Double(average.num) / Double(average.den)
        guard rate < 10_000 else { return FrameRate(numerator: 60, denominator: 1) }
        while rate > valueMax * 1.001 { rate /= 2 }
        if let same = standard.min(by: { abs($0.value - rate) < abs($1.value - rate) }),
            abs(same.value - rate) < same.value * 0.0003
        {
            return same
        }
        if declared.num == average.num, declared.den == average.den, (valueMin...valueMax).contains(rate),
            average.num <= 100_000, average.den <= 10_000, rate == Double(average.num) / Double(average.den)
        {
            return FrameRate(numerator: Int(average.num), denominator: Int(average.den))
        }
        return standard.first { $0.value >= rate * 0.999 } ?? FrameRate(numerator: 60, denominator: 1)
    }
}
