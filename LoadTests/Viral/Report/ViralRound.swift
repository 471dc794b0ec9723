// SPDX-License-Identifier: Apache-2.0

/// One round of a viral test in figures.
struct ViralRound: Codable {
    let right: Int
    /// Clients without the right body, by what they got.
    let failures: [String: Int]
    let firstByte: ViralPercentiles
    let lastByte: ViralPercentiles
    /// From the first request to the last one.
    let askedMicroseconds: Int64
    /// From the first request to the last answer.
    let microseconds: Int64
    /// What the servers counted meanwhile.
    let tally: ViralTally

    init(_ round: CrowdRound, tally: ViralTally) {
        right = round.outcomes.count { $0.isRight }
        var failures: [String: Int] = [:]
        for outcome in round.outcomes where !outcome.isRight {
            let reason = outcome.failure ?? (outcome.status == 200 ? "wrong body" : "status \(outcome.status)")
            failures[reason, default: 0] += 1
        }
        self.failures = failures
        firstByte = ViralPercentiles(round.outcomes.compactMap(\.firstByteMicroseconds))
        lastByte = ViralPercentiles(round.outcomes.compactMap(\.lastByteMicroseconds))
        askedMicroseconds = round.askedMicroseconds
        microseconds = round.microseconds
        self.tally = tally
    }
}

/// Times of many clients, in microseconds. All are zero when there is none.
struct ViralPercentiles: Codable, Equatable {
    let p50: Int64
    let p99: Int64
    let most: Int64

    init(_ times: [Int64]) {
        let sorted = times.sorted()
        // The nearest rank: the least value that so many per cent do not exceed.
        func percentile(_ percent: Int) -> Int64 {
            sorted.isEmpty ? 0 : sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
        }
        p50 = percentile(50)
        p99 = percentile(99)
        most = sorted.last ?? 0
    }
}
