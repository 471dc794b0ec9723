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

    private enum Entry {
        case object(CachedObject)
        case uncacheable(untilMilliseconds: Int64)
    }

    private final class Shard: Sendable {
        let entries = Mutex<[CacheKey: Entry]>([:])
    }

    private struct Order {
        var sieve = Sieve<CachedObject>()
        var liveBytes = 0
    }

    private static let shardCount = 64
    private static let uncacheableMilliseconds: Int64 = 10_000
    /// Beside the objects, a shard remembers this many uncacheable keys at most.
    private static let uncacheableMax = 1024

    let budgetBytes: Int
    private let shards = (0..<MemoryTier.shardCount).map { _ in Shard() }
    private let order = Mutex(Order())
    /// Counts evictions, so that workers know when to sweep.
    let evictions = Atomic<Int>(0)

    init(budgetBytes: Int) {
        self.budgetBytes = budgetBytes
    }

    /// The bytes of the objects in the eviction order, and their number.
    var usage: (bytes: Int, objects: Int) {
        order.withLock { ($0.liveBytes, $0.sieve.count) }
    }

    /// Looks a key up; a caller that finds nothing usable is elected to fetch it. `make` makes the new object.
    func obtain(_ key: CacheKey, nowMilliseconds: Int64, make: () -> CachedObject) -> Obtained {
        let replaced: CachedObject?
        let obtained: Obtained
        (obtained, replaced) = shard(key).entries.withLock { entries in
            switch entries[key] {
            case .object(let object) where !object.isWithdrawn.load(ordering: .relaxed):
                if object.phase == .waitingForHead || nowMilliseconds < object.freshUntilMilliseconds {
                    return (.existing(object), nil)
                }
                if object.phase == .complete, nowMilliseconds < object.usableUntilMilliseconds {
                    let isFirst = !object.isRevalidating.exchange(true, ordering: .relaxed)
                    return (.stale(object, revalidate: isFirst), nil)
                }
                let new = make()
                entries[key] = .object(new)
                return (.elected(new), object)
            case .uncacheable(let until) where nowMilliseconds < until:
                return (.uncacheable, nil)
            case .object, .uncacheable, nil:
                let new = make()
                entries[key] = .object(new)
                return (.elected(new), nil)
            }
        }
        if let replaced { removeFromOrder(replaced) }
        return obtained
    }

    /// The object is storable and its length is known: it counts in the budget from now on, and older ones may have to leave.
    /// Puts it into the table when it is not there (a background fill's replacement).
    func admit(_ object: CachedObject) {
        let replaced: CachedObject? = shard(object.key).entries.withLock { entries in
            if case .object(let old) = entries[object.key], old !== object {
                entries[object.key] = .object(object)
                return old
            }
            entries[object.key] = .object(object)
            return nil
        }
        if let replaced { removeFromOrder(replaced) }
        let victims = order.withLock { order in
            if object.evictionHandle == nil {
                object.evictionHandle = order.sieve.insert(object)
                object.chargedBytes = object.costBytes
                order.liveBytes += object.chargedBytes
            }
            return evict(&order, sparing: object)
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
            if entries.count > Self.uncacheableMax {
                entries = entries.filter { entry in
                    if case .uncacheable(let until) = entry.value { return nowMilliseconds < until }
                    return true
                }
            }
            entries[key] = .uncacheable(untilMilliseconds: nowMilliseconds + Self.uncacheableMilliseconds)
        }
    }

    private func shard(_ key: CacheKey) -> Shard {
        shards[Int(truncatingIfNeeded: key.hashValue64 >> 32) & (Self.shardCount - 1)]
    }

    /// Chooses victims until the budget holds.
    private func evict(_ order: inout Order, sparing spared: CachedObject) -> [CachedObject] {
        var victims: [CachedObject] = []
        while order.liveBytes > budgetBytes, order.sieve.count > 1 {
            let victim = order.sieve.evict { candidate in
                candidate === spared || candidate.wasHit.exchange(false, ordering: .relaxed)
            }
            guard let victim else { break }
            victim.evictionHandle = nil
            order.liveBytes -= victim.chargedBytes
            victims.append(victim)
        }
        return victims
    }

    private func removeFromTable(_ object: CachedObject) {
        object.isWithdrawn.store(true, ordering: .relaxed)
        shard(object.key).entries.withLock { entries in
            if case .object(let present) = entries[object.key], present === object { entries[object.key] = nil }
        }
        evictions.wrappingAdd(1, ordering: .relaxed)
    }

    private func removeFromOrder(_ object: CachedObject) {
        object.isWithdrawn.store(true, ordering: .relaxed)
        order.withLock { order in
            guard let handle = object.evictionHandle else { return }
            order.sieve.remove(handle)
            object.evictionHandle = nil
            order.liveBytes -= object.chargedBytes
        }
        evictions.wrappingAdd(1, ordering: .relaxed)
    }
}
