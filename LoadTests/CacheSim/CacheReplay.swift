// SPDX-License-Identifier: Apache-2.0

import Cache

/// Replays a trace against each policy at each size.
struct CacheReplay {
    let policies: [EvictionPolicy]
    let sizes: [CacheSize]
    /// What an object takes beside its body: the edge's `CachedObject.overheadBytes`.
    var overheadBytes = 2048
    /// The size of a disk behind the memory, of the trace's footprint; nil for none.
    var diskFraction: Double?

    func run(_ trace: Trace) -> CacheSimReport.TraceResult {
        let simulation = CacheSimulation(trace: trace, overheadBytes: overheadBytes)
        let footprint = trace.footprintBytes(overheadBytes: overheadBytes)
        var result = CacheSimReport.TraceResult(
            name: trace.name, requests: trace.requests.count, objects: trace.requestedObjects,
            footprintBytes: footprint, unlimited: simulation.runUnlimited())
        for size in sizes {
            let bytes = size.bytes(footprintBytes: footprint)
            var found = CacheSimReport.SizeResult(size: size.description, bytes: bytes)
            for policy in policies {
                found.counts[policy.rawValue] = simulation.run(policy: policy, budgetBytes: bytes)
            }
            found.disk = diskFraction.map { disk(simulation, bytes, max(1, Int(Double(footprint) * $0))) }
            result.sizes.append(found)
        }
        return result
    }

    private func disk(
        _ simulation: CacheSimulation, _ memoryBytes: Int, _ diskBytes: Int
    ) -> CacheSimReport.DiskResult {
        func run(_ admitsAtSecond: Bool) -> DiskCount {
            simulation.runTiers(
                policy: .standard, memoryBytes: memoryBytes, diskBytes: diskBytes, admitsAtSecond: admitsAtSecond)
        }
        return .init(bytes: diskBytes, everything: run(false), atSecond: run(true))
    }
}
