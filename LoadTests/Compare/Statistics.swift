// SPDX-License-Identifier: Apache-2.0

/// The middle of a series, and its ends.
struct Spread: Equatable, Sendable {
    let median: Double
    let least: Double
    let most: Double

    /// Nil for an empty series.
    init?(_ values: [Double]) {
        guard let least = values.min(), let most = values.max() else { return nil }
        self.least = least
        self.most = most
        let sorted = values.sorted()
        let middle = sorted.count / 2
        median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// `0.95 (0.90-1.02)`: the median and the ends.
    var text: String { "\(decimal(median, 2)) (\(decimal(least, 2))-\(decimal(most, 2)))" }

    /// The ratios of two series that were measured in the same rounds: each round's own ratio, so that what slows the
    /// machine down for a while touches both sides.
    static func ratios(_ ours: [Double], to theirs: [Double]) -> Spread? {
        Spread(zip(ours, theirs).filter { $0.1 > 0 }.map { $0.0 / $0.1 })
    }
}

/// `value` with so many decimals.
func decimal(_ value: Double, _ places: Int) -> String {
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((value.magnitude * Double(scale)).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard places > 0 else { return sign + String(scaled) }
    let fraction = String(scaled % scale)
    return sign + String(scaled / scale) + "." + String(repeating: "0", count: places - fraction.count) + fraction
}

/// `value` with about three digits that count: 0.123, 1.23, 12.3, 123.
func threeDigits(_ value: Double) -> String {
    switch value.magnitude {
    case ..<1: decimal(value, 3)
    case ..<10: decimal(value, 2)
    case ..<100: decimal(value, 1)
    default: decimal(value, 0)
    }
}
