// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Random numbers that are the same for the same seed: SplitMix64 (Steele et al., "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014).
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// From 0 to below 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// From `least` to below `most`, its logarithm evenly distributed.
    mutating func logarithmic(_ least: Double, _ most: Double) -> Double {
        least * pow(most / least, unit())
    }

    /// Exponentially distributed, as the time between independent arrivals is.
    mutating func exponential(mean: Double) -> Double { -mean * log(1 - unit()) }
}

/// Ranks from 0 on, of which rank r is drawn in proportion to 1 / (r + 1)^skew.
struct ZipfDistribution: Sendable {
    private let cumulative: [Double]

    init(count: Int, skew: Double) {
        var sum = 0.0
        cumulative = (0..<max(1, count)).map { rank in
            sum += pow(Double(rank + 1), -skew)
            return sum
        }
    }

    func rank(_ random: inout SeededGenerator) -> Int {
        let wanted = random.unit() * (cumulative.last ?? 0)
        var low = 0
        var high = cumulative.count - 1
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > wanted { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
