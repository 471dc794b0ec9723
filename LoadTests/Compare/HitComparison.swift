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

    /// What was measured, and why anything was not.
    struct Outcome {
        var results: [WorkloadResult] = []
        var failures: [String] = []
    }

    /// A server that gives a wrong answer, or whose cache asks the upstream for what it is to have, has no samples for
    /// that workload; the others go on.
    func run(_ workloads: [Workload]) -> Outcome {
        var outcome = Outcome()
        guard !servers.isEmpty else { return outcome }
        for workload in workloads { run(workload, into: &outcome) }
        return outcome
    }

    private func run(_ workload: Workload, into outcome: inout Outcome) {
        var counts: [String: Int] = [:]
        var result = WorkloadResult(workload: workload, samples: [:])
        func attempt(_ server: RunningServer, requests: Int) -> Sample? {
            do {
                return try measure(server, workload, requests: requests)
            } catch {
                outcome.failures.append("\(server.name), \(workload.title): \(error)")
                counts[server.name] = nil
                result.samples[server.name] = nil
                return nil
            }
        }
        for server in servers {
            guard let trial = attempt(server, requests: workload.warmUpRequests) else { continue }
            counts[server.name] = Int(cpuSeconds / max(trial.cpuSeconds, 0.01) * Double(trial.requests))
        }
        for round in 0..<rounds {
            log("\(workload.title): round \(round + 1) of \(rounds)")
            // Each server is first, second, last equally often.
            let first = round % servers.count
            for server in servers[first...] + servers[..<first] {
                guard let requests = counts[server.name], let sample = attempt(server, requests: requests) else {
                    continue
                }
                result.samples[server.name, default: []].append(sample)
            }
        }
        outcome.results.append(result)
    }

    private func measure(_ server: RunningServer, _ workload: Workload, requests wanted: Int) throws -> Sample {
        let load = load(server)
        let requests = load.round(wanted)
        let askedBefore = server.upstreamRequests
        let cpuBefore = server.cpuSeconds
        let wall = try load.run(workload, requests: requests, on: server)
        let cpu = server.cpuSeconds - cpuBefore
        guard server.upstreamRequests == askedBefore else {
            throw BenchError("not all were hits, the upstream was asked")
        }
        return Sample(requests: requests, cpuSeconds: cpu, wallSeconds: wall)
    }
}
