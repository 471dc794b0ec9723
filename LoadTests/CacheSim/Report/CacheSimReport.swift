// SPDX-License-Identifier: Apache-2.0

import Cache

/// All that a replay found out.
struct CacheSimReport: Codable {
    let command: String
    /// In the order of the columns.
    let policies: [EvictionPolicy]
    var traces: [TraceResult] = []

    struct TraceResult: Codable {
        let name: String
        let requests: Int
        let objects: Int
        let footprintBytes: Int
        /// Of a cache that holds all.
        let unlimited: HitCount
        var sizes: [SizeResult] = []
    }

    struct SizeResult: Codable {
        let size: String
        let bytes: Int
        /// By the policy's name.
        var counts: [String: HitCount] = [:]
        var disk: DiskResult?
    }

    /// A disk behind that memory, with the standard policy in both.
    struct DiskResult: Codable {
        let bytes: Int
        let everything: DiskCount
        let atSecond: DiskCount
    }

    /// The mean over all traces and sizes; nil when there are none.
    func mean(_ policy: EvictionPolicy, _ ratio: KeyPath<HitCount, Double>) -> Double? {
        let ratios = traces.flatMap(\.sizes).compactMap { $0.counts[policy.rawValue]?[keyPath: ratio] }
        return ratios.isEmpty ? nil : ratios.reduce(0, +) / Double(ratios.count)
    }

    /// The one with the highest mean byte hit ratio; of equals, the first.
    var winner: EvictionPolicy? {
        policies.max { mean($0, \.byteHitRatio) ?? 0 <= mean($1, \.byteHitRatio) ?? 0 }
    }
}
