// SPDX-License-Identifier: Apache-2.0
//
// The objects in memory, shared by all workers. The table is cut into shards with a lock each; the eviction
// order and the budget have one lock. Both are taken on a miss, an insert or an eviction only: hits are
// served from the workers' near caches. Lock order: a shard's lock and the order's lock are never held together.

import Base
import Cache
import Synchronization

/// The shared memory tier.
final class MemoryTier: Sendable {
    /// What a worker is to do with a request that its near cache could not answer.
    enum Obtained {
        /// Someone fetches it, or it is there.
        case existing(CachedObject)
        /// The caller is elected: it must start a fill for this new object, which is in the table.
        case elected(CachedObject)
        /// Stale but usable; `revalidate` is true for the one caller that must fetch a replacement.
        case stale(CachedObject, revalidate: Bool)
        /// Known to be uncacheable: fetch for this request alone.
        case uncacheable
    }

    private struct Entries {
        var objects: [CacheKey: CachedObject] = [:]
        /// Until when a key is known to be uncacheable, in milliseconds.
        var uncacheable: [CacheKey: Int64] = [:]
    }

    private final class Shard: Sendable {
        let entries = Mutex(Entries())
    }

    private static let shardCount = 64
    private static let uncacheableMilliseconds: Int64 = 10_000
    /// A shard remembers this many uncacheable keys at most.
    private static let uncacheableMax = 1024

    let budgetBytes: Int
    let memory: BodyMemory
    private let shards = (0..<MemoryTier.shardCount).map { _ in Shard() }
    private let order: Mutex<EvictionQueue<CachedObject>>
    /// Counts evictions, so that workers know when to sweep.
    let evictions = Atomic<Int>(0)

    init(budgetBytes: Int, policy: EvictionPolicy = .standard) {
        self.budgetBytes = budgetBytes
        order = Mutex(EvictionQueue(policy: policy, budgetBytes: budgetBytes))
        // Half as much again for what is on its way and for what is evicted but still being sent.
        memory = BodyMemory(limitBytes: budgetBytes + budgetBytes / 2)
    }

    /// The bytes of the objects in the eviction order, and their number.
    var usage: (bytes: Int, objects: Int) {
        order.withLock { ($0.bytes, $0.count) }
    }

    /// Looks a key up; a caller that finds nothing usable is elected to fetch it. `make` makes the new object.
    func obtain(_ key: CacheKey, nowMilliseconds: Int64, make: () -> CachedObject) -> Obtained {
        var replaced: CachedObject?
        let obtained: Obtained = shard(key).entries.withLock { entries in
            if let until = entries.uncacheable[key] {
                if nowMilliseconds < until { return .uncacheable }
                entries.uncacheable[key] = nil
            }
            if let object = entries.objects[key], !object.isWithdrawn.load(ordering: .relaxed) {
                if let usable = Self.use(object, nowMilliseconds: nowMilliseconds) { return usable }
                replaced = object
            }
            let new = make()
            entries.objects[key] = new
            return .elected(new)
        }
        if let replaced { removeFromOrder(replaced) }
        return obtained
    }

    /// How an object of the table can be used now; nil when it has to be fetched again.
    private static func use(_ object: CachedObject, nowMilliseconds: Int64) -> Obtained? {
        if object.phase == .waitingForHead || nowMilliseconds < object.freshUntilMilliseconds {
            return .existing(object)
        }
        guard object.phase == .complete, nowMilliseconds < object.usableUntilMilliseconds else { return nil }
        let isFirst = !object.isRevalidating.exchange(true, ordering: .relaxed)
        return .stale(object, revalidate: isFirst)
    }

    /// The object is storable and its length is known: it counts in the budget from now on, and older ones may have to leave.
    /// Puts it into the table when it is not there (a background fill's replacement).
    func admit(_ object: CachedObject) {
        let replaced: CachedObject? = shard(object.key).entries.withLock { entries in
            // It may have been replaced while it was arriving; then it is not brought back.
            guard !object.isWithdrawn.load(ordering: .relaxed) else { return nil }
            let old = entries.objects.updateValue(object, forKey: object.key)
            return old === object ? nil : old
        }
        if let replaced { removeFromOrder(replaced) }
        let victims = order.withLock { order in
            guard object.evictionHandle == nil, !object.isWithdrawn.load(ordering: .relaxed) else {
                return [CachedObject]()
            }
            let bytes = object.costBytes
            let victims = makeRoom(&order, for: bytes)
            object.evictionHandle = order.insert(
                object, bytes: bytes, fingerprint: object.key.hashValue64, tick: Self.tick)
            return victims
        }
        for victim in victims { removeFromTable(victim) }
    }

    /// The object takes more than it did when it was admitted: others may have to leave.
    func recharge(_ object: CachedObject) {
        let victims = order.withLock { order in
            guard let handle = object.evictionHandle else { return [CachedObject]() }
            order.resize(handle, bytes: object.costBytes)
            return makeRoom(&order, sparing: object)
        }
        for victim in victims { removeFromTable(victim) }
    }

    /// Takes the object out: it failed, or it was only for those who had waited.
    func withdraw(_ object: CachedObject) {
        removeFromTable(object)
        removeFromOrder(object)
    }

    /// Remembers that responses to this key are not to be shared.
    func markUncacheable(_ key: CacheKey, nowMilliseconds: Int64) {
        shard(key).entries.withLock { entries in
            if entries.uncacheable.count >= Self.uncacheableMax {
                entries.uncacheable = entries.uncacheable.filter { nowMilliseconds < $0.value }
                // Forgetting is safe: the next request finds out again.
                if entries.uncacheable.count >= Self.uncacheableMax { entries.uncacheable = [:] }
            }
            entries.uncacheable[key] = nowMilliseconds + Self.uncacheableMilliseconds
        }
    }

    private func shard(_ key: CacheKey) -> Shard {
        shards[Int(truncatingIfNeeded: key.hashValue64 >> 32) & (Self.shardCount - 1)]
    }

    private static var tick: UInt64 { EvictionMark.tick(milliseconds: Clock.monotonicMilliseconds()) }

    /// Chooses victims until the budget has room for so many more bytes. An object to spare counts as hit just now.
    private func makeRoom(
        _ order: inout EvictionQueue<CachedObject>, for bytes: Int = 0, sparing spared: CachedObject? = nil
    ) -> [CachedObject] {
        var victims: [CachedObject] = []
        let used = EvictionMark.Use(hits: EvictionMark.hitsMax, tick: Self.tick)
        while order.bytes + bytes > budgetBytes, order.count > (spared == nil ? 0 : 1) {
            guard let victim = order.evict(takeMark: { $0 === spared ? used : $0.mark.take() }) else { break }
            victim.evictionHandle = nil
            victims.append(victim)
        }
        return victims
    }

    private func removeFromTable(_ object: CachedObject) {
        object.isWithdrawn.store(true, ordering: .relaxed)
        shard(object.key).entries.withLock { entries in
            if entries.objects[object.key] === object { entries.objects[object.key] = nil }
        }
        evictions.wrappingAdd(1, ordering: .relaxed)
    }

    private func removeFromOrder(_ object: CachedObject) {
        object.isWithdrawn.store(true, ordering: .relaxed)
        order.withLock { order in
            guard let handle = object.evictionHandle else { return }
            order.remove(handle)
            object.evictionHandle = nil
        }
        evictions.wrappingAdd(1, ordering: .relaxed)
    }
}
