// SPDX-License-Identifier: Apache-2.0

import Base
import Glibc

/// How long a small hit takes on a worker whose other connections are served from a cold disk, beside the same with all in
/// memory, and without any load: what the machine's own scheduling adds is in all three.
struct DiskDelay {
    /// The bar: what reads from the disk may add at the 99.9th percentile.
    static let addedMicrosecondsMax = 5000
    static let barQuantile = 0.999
    static let probeMicroseconds: Int64 = 2000
    private static let dropMilliseconds: UInt32 = 20

    /// What else the worker does meanwhile.
    enum Load: String, CaseIterable {
        case none, memory, disk

        var title: String {
            switch self {
            case .none: "nothing else"
            case .memory: "the load from memory"
            case .disk: "the load from the cold disk"
            }
        }
    }

    let edges: [DiskEdge]
    let load: DiskLoad
    let certificateFile: String
    let rounds: Int
    /// Seconds of one measurement.
    let seconds: Int
    let requestsPerSecond: Int
    let log: (String) -> Void

    struct Result {
        /// Each round by itself, in their order.
        var delays: [Load: [[Int]]] = [:]
        /// Bodies that were sent from the disk, and what of them came from the device.
        var diskBytes = 0
        var storageBytes = 0
        /// Probes that did not find their object in memory.
        var otherAnswers = 0

        /// All rounds together.
        func all(_ load: Load) -> Delays { Delays((delays[load] ?? []).flatMap { $0 }) }

        /// What the disk adds to the delay with the same load from memory, at the bar's quantile over all rounds.
        var addedMicroseconds: Int {
            all(.disk).quantile(DiskDelay.barQuantile) - all(.memory).quantile(DiskDelay.barQuantile)
        }
    }

    /// Throws when a response came from elsewhere than it was to.
    func run() throws -> Result {
        var result = Result()
        for round in 0..<rounds {
            log("delays: round \(round + 1) of \(rounds)")
            let order = round % 2 == 0 ? Load.allCases : Load.allCases.reversed()
            for load in order { try measure(load, into: &result) }
        }
        return result
    }

    private func measure(_ kind: Load, into result: inout Result) throws {
        guard let edge = edges.first(where: { $0.source == (kind == .disk ? .disk : .memory) }) else { return }
        let probe = try DelayProbe(port: edge.port, certificateFile: certificateFile)
        // The first answers bring the object into memory and into the near cache.
        for _ in 0..<3 { try probe.ask() }
        let othersBefore = probe.otherAnswers
        guard kind != .none else {
            let end = Clock.monotonicMicroseconds() + Int64(seconds) * 1_000_000
            let delays = try probe.run(intervalMicroseconds: Self.probeMicroseconds) {
                Clock.monotonicMicroseconds() >= end
            }
            return result.delays[kind, default: []].append(delays)
        }
        let dropper =
            kind == .disk ? try PageCacheDropper(edge.database, intervalMilliseconds: Self.dropMilliseconds) : nil
        defer { dropper?.stop() }
        let requests = load.round(requestsPerSecond * seconds)
        let before = try edge.counts()
        let storageBefore = edge.storageBytes
        let children = try load.start(requests, perSecond: requestsPerSecond, on: edge)
        let delays = try probe.run(intervalMicroseconds: Self.probeMicroseconds) {
            children.allSatisfy { !$0.isRunning }
        }
        try load.finish(children, requests: requests)
        let after = try edge.counts()
        let others = probe.otherAnswers - othersBefore
        result.delays[kind, default: []].append(delays)
        result.otherAnswers += others
        guard kind == .disk else { return }
        let bytes = after.bytesRead - before.bytesRead
        guard bytes >= requests * DiskObjects.bodyBytes, after.upstreamRequests - before.upstreamRequests <= others
        else {
            throw BenchError("\(bytes) bytes were read from the disk tier for \(requests) responses")
        }
        result.diskBytes += bytes
        result.storageBytes += edge.storageBytes - storageBefore
    }
}
