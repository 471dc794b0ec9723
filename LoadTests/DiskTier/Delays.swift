// SPDX-License-Identifier: Apache-2.0

/// Delays that were measured, in microseconds.
struct Delays: Equatable, Sendable {
    private let sorted: [Int]

    init(_ values: [Int]) { sorted = values.sorted() }

    var count: Int { sorted.count }

    /// The smallest value that so many of all, from 0 to 1, do not exceed (nearest rank); 0 for an empty series.
    func quantile(_ share: Double) -> Int {
        guard !sorted.isEmpty else { return 0 }
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }

    var largest: Int { sorted.last ?? 0 }

    /// How many exceed a limit.
    func count(above limit: Int) -> Int { sorted.count { $0 > limit } }
}
