// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation

/// One measurement of a server under load.
struct Sample: Codable, Equatable {
    let requests: Int
    let cpuSeconds: Double
    let wallSeconds: Double

    var microsecondsPerRequest: Double { cpuSeconds * 1e6 / Double(requests) }
    var requestsPerSecond: Double { Double(requests) / wallSeconds }

    /// Processor seconds for 10^9 bytes of bodies.
    func secondsPerGigabyte(_ object: BenchObject) -> Double {
        cpuSeconds * 1e9 / (Double(requests) * Double(object.bytes))
    }
}

/// What all servers made of one workload: for each server the samples of all rounds, in the order of the rounds.
struct WorkloadResult: Codable {
    let workload: Workload
    var samples: [String: [Sample]]

    /// The processor time of `server` per request over that of `peer`, round by round.
    func ratio(_ server: String, to peer: String) -> Spread? {
        guard let ours = samples[server], let theirs = samples[peer] else { return nil }
        return Spread.ratios(ours.map(\.microsecondsPerRequest), to: theirs.map(\.microsecondsPerRequest))
    }
}

/// The price of a warm hit on each server, measured in interleaved rounds.
struct HitComparison {
    let servers: [RunningServer]
    /// The load that a server is put under.
    let load: (RunningServer) -> H2Load
    let rounds: Int
    /// The processor time that one measurement is to take on the server.
    let cpuSeconds: Double
    let log: (String) -> Void

    /// Throws when an answer was wrong, or a cache asked its upstream for what it was to have.
    func run(_ workloads: [Workload]) throws -> [WorkloadResult] {
        servers.isEmpty ? [] : try workloads.map { try run($0) }
    }

    private func run(_ workload: Workload) throws -> WorkloadResult {
        var counts: [String: Int] = [:]
        for server in servers {
            let trial = try measure(server, workload, requests: workload.warmUpRequests)
            let wanted = cpuSeconds / max(trial.cpuSeconds, 0.01) * Double(trial.requests)
            counts[server.name] = Int(wanted)
        }
        var result = WorkloadResult(workload: workload, samples: [:])
        for round in 0..<rounds {
            log("\(workload.title): round \(round + 1) of \(rounds)")
            // Each server is first, second, last equally often.
            let first = round % servers.count
            for server in servers[first...] + servers[..<first] {
                let sample = try measure(server, workload, requests: counts[server.name] ?? 0)
                result.samples[server.name, default: []].append(sample)
            }
        }
        return result
    }

    private func measure(_ server: RunningServer, _ workload: Workload, requests wanted: Int) throws -> Sample {
        let load = load(server)
        let requests = load.round(wanted)
        let askedBefore = server.upstreamRequests
        let cpuBefore = server.cpuSeconds
        let wall = try load.run(workload, requests: requests, on: server)
        let cpu = server.cpuSeconds - cpuBefore
        guard server.upstreamRequests == askedBefore else {
            throw BenchError("\(server.name), \(workload.title): not all were hits, the upstream was asked")
        }
        return Sample(requests: requests, cpuSeconds: cpu, wallSeconds: wall)
    }
}
