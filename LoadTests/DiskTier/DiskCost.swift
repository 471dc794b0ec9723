// SPDX-License-Identifier: Apache-2.0

import Base

/// The processor time of a response from the warm disk tier beside that of one from memory, in interleaved rounds.
struct DiskCost {
    /// The bar, as a ratio.
    static let ratioMax = 1.3
    private static let trialRequests = 400

    let edges: [DiskEdge]
    let load: DiskLoad
    let rounds: Int
    /// The processor time that one measurement is to take.
    let cpuSeconds: Double
    let log: (String) -> Void

    /// The samples of all rounds, in their order.
    struct Result {
        var samples: [DiskEdge.Source: [Sample]] = [:]

        func microseconds(_ source: DiskEdge.Source) -> [Double] {
            (samples[source] ?? []).map(\.microsecondsPerRequest)
        }

        /// Disk over memory, round by round.
        var ratio: Spread? { Spread.ratios(microseconds(.disk), to: microseconds(.memory)) }
    }

    /// Throws when a response came from elsewhere than it was to.
    func run() throws -> Result {
        var result = Result()
        var requests: [DiskEdge.Source: Int] = [:]
        for edge in edges {
            let trial = try measure(edge, requests: load.round(Self.trialRequests))
            requests[edge.source] = Int(cpuSeconds / max(trial.cpuSeconds, 0.01) * Double(trial.requests))
        }
        for round in 0..<rounds {
            log("processor time: round \(round + 1) of \(rounds)")
            for edge in round % 2 == 0 ? edges : edges.reversed() {
                let sample = try measure(edge, requests: load.round(requests[edge.source] ?? Self.trialRequests))
                result.samples[edge.source, default: []].append(sample)
            }
        }
        return result
    }

    private func measure(_ edge: DiskEdge, requests: Int) throws -> Sample {
        let before = try edge.counts()
        let cpuBefore = edge.cpuSeconds
        let started = Clock.monotonicMicroseconds()
        try load.finish(load.start(requests, on: edge), requests: requests)
        let wall = Double(Clock.monotonicMicroseconds() - started) / 1e6
        let cpu = edge.cpuSeconds - cpuBefore
        if let fault = try edge.counts().fault(since: before, responses: requests, from: edge.source) {
            throw BenchError("\(edge.source): \(fault)")
        }
        return Sample(requests: requests, cpuSeconds: cpu, wallSeconds: wall)
    }
}
