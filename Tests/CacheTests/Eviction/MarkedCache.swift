// SPDX-License-Identifier: Apache-2.0

@testable import Cache

/// A cache of numbers over an `EvictionQueue`, as a tier has it: hits mark, misses make room and insert.
struct MarkedCache {
    var queue: EvictionQueue<Int>
    /// What is in the cache, with its mark.
    private(set) var uses: [Int: EvictionMark.Use] = [:]
    private var handles: [Int: EvictionQueue<Int>.Handle] = [:]
    /// What has left, in order.
    private(set) var victims: [Int] = []
    var tick: UInt64 = 0

    init(_ policy: EvictionPolicy, budgetBytes: Int) {
        queue = EvictionQueue(policy: policy, budgetBytes: budgetBytes)
    }

    /// Whether it was there.
    @discardableResult
    mutating func request(_ key: Int, bytes: Int = 1) -> Bool {
        tick += 1
        if let use = uses[key] {
            uses[key] = EvictionMark.Use(hits: min(3, use.hits + 1), tick: tick)
            return true
        }
        while queue.bytes + bytes > queue.budgetBytes, evict() != nil {}
        uses[key] = EvictionMark.Use(hits: 0, tick: 0)
        handles[key] = queue.insert(key, bytes: bytes, fingerprint: UInt64(key), tick: tick)
        return false
    }

    @discardableResult
    mutating func evict() -> Int? {
        var uses = uses
        let victim = queue.evict { key in
            defer { uses[key]?.hits = 0 }
            return uses[key] ?? EvictionMark.Use(hits: 0, tick: 0)
        }
        self.uses = uses
        guard let victim else { return nil }
        victims.append(victim)
        self.uses[victim] = nil
        handles[victim] = nil
        return victim
    }

    mutating func remove(_ key: Int) {
        guard let handle = handles.removeValue(forKey: key) else { return }
        queue.remove(handle)
        uses[key] = nil
    }

    mutating func resize(_ key: Int, bytes: Int) {
        guard let handle = handles[key] else { return }
        queue.resize(handle, bytes: bytes)
    }

    /// Evicts until nothing is left; the order in which they leave.
    mutating func drain() -> [Int] {
        let before = victims.count
        while evict() != nil {}
        return Array(victims[before...])
    }
}
