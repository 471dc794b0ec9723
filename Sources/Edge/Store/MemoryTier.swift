// SPDX-License-Identifier: Apache-2.0
//
// The objects in memory, shared by all workers. The table is cut into shards with a lock each; the eviction
// order and the budget have one lock. Both are taken on a miss, an insert or an eviction only: hits are
// served from the workers' near caches, but for responses that depend on fields of requests. Lock order: a shard's
// lock and the order's lock are never held together.

import Base
import Cache
import Synchronization

/// The shared memory tier.
final class MemoryTier: Sendable {
    /// What a worker is to do with a request that its near cache could not answer.
    enum Obtained {
        /// Someone fetches it, or it is there.
        case existing(CachedObject)
        /// The caller is elected: it must start a fill for this new object, which is in the table. `base` is a stale
        /// response with the same variant, to be validated or to stand in when upstream fails.
        case elected(CachedObject, base: CachedObject?)
        /// Upstream has to be asked, and the caller did not want to be elected; `base` as above.
        case unelected(base: CachedObject?)
        /// Stale but usable; `revalidation` is the object of the fill that the caller must start, for one caller.
        case stale(CachedObject, revalidation: CachedObject?)
        /// Known to be uncacheable, or nothing that could be found again: fetch for this request alone.
        case uncacheable
        /// The client wants nothing that is not stored (`only-if-cached`, RFC 9111 section 5.2.1.7).
        case notCached

        /// What the caller is counted among the readers of, until it gives that back.
        var object: CachedObject? {
            switch self {
            case .existing(let object), .elected(let object, _), .stale(let object, _): object
            case .unelected, .uncacheable, .notCached: nil
            }
        }
    }

    /// What is under one key: an object for each variant, the latest last.
    struct Entry {
        /// How the latest response depended on its request.
        var rule: VaryRule?
        var objects: [CachedObject] = []

        /// The stored object of a variant.
        func stored(_ variant: VariantKey) -> CachedObject? {
            objects.last { object in
                object.phase == .ready && object.variant == variant && !object.isWithdrawn.load(ordering: .relaxed)
            }
        }

        /// The object of a variant that is on its way, if others may join those who wait for it.
        func pending(_ variant: VariantKey, isJoinable: (CachedObject) -> Bool) -> CachedObject? {
            objects.last { object in
                object.phase == .waitingForHead && object.variant == variant
                    && !object.isWithdrawn.load(ordering: .relaxed) && isJoinable(object)
            }
        }
    }

    struct Entries {
        var entries: [CacheKey: Entry] = [:]
        /// Until when a key is known to be uncacheable, in milliseconds.
        var uncacheable: [CacheKey: Int64] = [:]
    }

    final class Shard: Sendable {
        let entries = Mutex(Entries())
    }

    private static let shardCount = 64
    private static let uncacheableMilliseconds: Int64 = 10_000
    /// A shard remembers this many uncacheable keys at most.
    private static let uncacheableMax = 1024
    /// Objects of one key; beyond them the one stored longest ago leaves.
    static let variantsMax = 32

    let budgetBytes: Int
    let memory: BodyMemory
    let purges: PurgeState
    private let shards = (0..<MemoryTier.shardCount).map { _ in Shard() }
    private let order: Mutex<EvictionQueue<CachedObject>>
    /// Counts evictions, so that workers know when to sweep.
    let evictions = Atomic<Int>(0)
    /// Objects fetched ahead that left before a client had asked for them.
    let prefetchesWasted = SharedCounter()

    init(budgetBytes: Int, policy: EvictionPolicy = .standard, purges: PurgeState) {
        self.budgetBytes = budgetBytes
        self.purges = purges
        order = Mutex(EvictionQueue(policy: policy, budgetBytes: budgetBytes))
        // Half as much again for what is on its way and for what is evicted but still being sent.
        memory = BodyMemory(limitBytes: budgetBytes + budgetBytes / 2)
    }

    /// The bytes of the objects in the eviction order, and their number.
    var usage: (bytes: Int, objects: Int) {
        order.withLock { ($0.bytes, $0.count) }
    }

    // MARK: Keeping

    /// The object is storable, and what it takes is known: it counts in the budget from now on, others may have to leave,
    /// and the one with the same variant does.
    func admit(_ object: CachedObject) {
        let replaced: [CachedObject] = shard(object.key).entries.withLock { entries in
            // It may have been purged or replaced while it was arriving; then it is not brought back.
            guard !object.isWithdrawn.load(ordering: .relaxed) else { return [] }
            var entry = entries.entries[object.key] ?? Entry()
            let replaced = entry.objects.filter { other in
                other !== object && other.phase != .waitingForHead && other.variant == object.variant
            }
            entry.objects.removeAll { other in replaced.contains { $0 === other } }
            Self.remember(replaced, for: object)
            if !entry.objects.contains(where: { $0 === object }) { entry.objects.append(object) }
            entries.entries[object.key] = entry
            return replaced
        }
        for object in replaced { removeFromOrder(object) }
        insertInOrder(object)
    }

    func insertInOrder(_ object: CachedObject) {
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
        // The body may have another owner by now.
        guard let body = object.stored, body.isShared.load(ordering: .relaxed) else { return rechargeAlone(object) }
        for owner in stored(object.key) where owner.stored === body { rechargeAlone(owner) }
    }

    private func rechargeAlone(_ object: CachedObject) {
        let victims = order.withLock { order in
            guard let handle = object.evictionHandle else { return [CachedObject]() }
            order.resize(handle, bytes: object.costBytes)
            return makeRoom(&order, sparing: object)
        }
        for victim in victims { removeFromTable(victim) }
    }

    /// Takes the object out: it failed, was purged, or was only for those who had waited.
    func withdraw(_ object: CachedObject) {
        removeFromTable(object)
        removeFromOrder(object)
    }

    /// The body will never be whole: takes out all objects that have it, after a 304 more than one.
    func withdraw(_ body: StoredBody, of key: CacheKey) {
        for object in stored(key) where object.stored === body { withdraw(object) }
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

    /// What was stored under the key has to be validated before it is used again (RFC 9111 section 4.4), and what is on its
    /// way answers only those who wait for it. True when there was anything.
    @discardableResult
    func invalidate(_ key: CacheKey) -> Bool {
        let pending: [CachedObject]? = shard(key).entries.withLock { entries in
            entries.uncacheable[key] = nil
            guard let objects = entries.entries[key]?.objects else { return nil }
            // Each is looked at once: its head may come at any moment.
            return objects.filter { object in
                guard object.phase == .ready else { return true }
                object.invalidate()
                object.replaced = nil
                return false
            }
        }
        for object in pending ?? [] { withdraw(object) }
        return pending != nil
    }

    func shard(_ key: CacheKey) -> Shard {
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
        markWithdrawn(object)
        shard(object.key).entries.withLock { entries in
            entries.entries[object.key]?.objects.removeAll { $0 === object }
            if entries.entries[object.key]?.objects.isEmpty == true { entries.entries[object.key] = nil }
        }
        evictions.wrappingAdd(1, ordering: .relaxed)
    }

    func removeFromOrder(_ object: CachedObject) {
        markWithdrawn(object)
        order.withLock { order in
            guard let handle = object.evictionHandle else { return }
            order.remove(handle)
            object.evictionHandle = nil
        }
        evictions.wrappingAdd(1, ordering: .relaxed)
    }

    private func markWithdrawn(_ object: CachedObject) {
        object.isWithdrawn.store(true, ordering: .relaxed)
        if object.isUnusedPrefetch.exchange(false, ordering: .relaxed) { prefetchesWasted.add() }
    }
}
