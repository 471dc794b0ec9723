// SPDX-License-Identifier: Apache-2.0

import Cache

/// What came of the disk tier behind a memory tier.
struct DiskCount: Codable, Equatable, Sendable {
    /// The requests that memory did not answer.
    var count = HitCount()
    var writtenBytes = 0
    var writtenObjects = 0
}

/// Replays a trace.
struct CacheSimulation {
    let trace: Trace
    /// What an object takes beside its body.
    let overheadBytes: Int

    /// One tier, from empty.
    func run(policy: EvictionPolicy, budgetBytes: Int) -> HitCount {
        var tier = SimulatedTier(trace, policy: policy, budgetBytes: budgetBytes, overheadBytes: overheadBytes)
        var count = HitCount()
        for request in trace.requests {
            let tick = EvictionMark.tick(milliseconds: request.milliseconds)
            let isHit = tier.find(request.object, tick: tick)
            if !isHit { tier.store(request.object, tick: tick) }
            count.count(isHit: isHit, bytes: trace.objectBytes[request.object])
        }
        return count
    }

    /// A cache that holds all: only the first request for an object is a miss.
    func runUnlimited() -> HitCount {
        run(policy: .sieve, budgetBytes: .max / 2)
    }

    /// Memory, and a disk behind it. What disk has is copied into memory by a hit, and stays. With `admitsAtSecond`, an
    /// object is written at its second request, whether or not memory answered it, as long as the first is remembered:
    /// in a `GhostQueue` of the disk's size. Without, it is written when it comes.
    func runTiers(
        policy: EvictionPolicy, memoryBytes: Int, diskBytes: Int, admitsAtSecond: Bool
    ) -> DiskCount {
        var memory = SimulatedTier(trace, policy: policy, budgetBytes: memoryBytes, overheadBytes: overheadBytes)
        var disk = SimulatedTier(trace, policy: policy, budgetBytes: diskBytes, overheadBytes: overheadBytes)
        var seen = GhostQueue(bytesMax: diskBytes, entriesMax: max(64, diskBytes / 2048))
        var result = DiskCount()
        for request in trace.requests {
            let object = request.object
            let bytes = trace.objectBytes[object]
            let tick = EvictionMark.tick(milliseconds: request.milliseconds)
            if !memory.find(object, tick: tick) {
                result.count.count(isHit: disk.find(object, tick: tick), bytes: bytes)
                memory.store(object, tick: tick)
            }
            guard !disk.contains(object) else { continue }
            if admitsAtSecond, !seen.take(UInt64(object)) {
                seen.insert(UInt64(object), bytes: bytes + overheadBytes)
                continue
            }
            disk.store(object, tick: tick)
            guard disk.contains(object) else { continue }
            result.writtenObjects += 1
            result.writtenBytes += bytes
        }
        return result
    }
}
