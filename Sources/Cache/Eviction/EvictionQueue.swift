// SPDX-License-Identifier: Apache-2.0
//
// Owned by one tier of the cache and guarded by that tier's lock: inserts, removals and evictions are serialised. Hits do
// not come here; they leave an `EvictionMark` on the element, which `evict` asks for.

/// The elements of a cache tier in the order in which they may leave, by one of the policies.
///
/// The queue counts bytes and knows the budget, but evicts nothing of its own accord: before an insert, call `evict`
/// while `bytes` and the new element's are more than the budget. Evicting first keeps the newcomer out of the choice.
public struct EvictionQueue<Element> {
    /// Names an inserted element until it is removed or evicted.
    public struct Handle: Sendable, Hashable {
        fileprivate let index: Int
    }

    /// One eviction looks at no more elements than this, and then takes the one that it has come to. The lock is held
    /// meanwhile: about a millisecond when nothing it looks at is in the processor's caches. It matters only where
    /// thousands of elements in a row were all hit since the last look.
    public static var looksMax: Int { 10_000 }

    public let policy: EvictionPolicy
    public let budgetBytes: Int
    private var slab = ElementSlab<Element>()
    // One is in use. Side by side, and not the cases of an enum, so that they are changed in place.
    private var sieve = SieveOrder()
    private var s3fifo: S3FIFOOrder
    private var lru = LRUOrder()

    public init(policy: EvictionPolicy, budgetBytes: Int) {
        self.policy = policy
        self.budgetBytes = budgetBytes
        s3fifo = S3FIFOOrder(budgetBytes: budgetBytes)
    }

    public var count: Int { slab.count }
    /// The bytes of all elements.
    public var bytes: Int { slab.bytes }

    /// Adds an element. `fingerprint` is a hash of its key, the same each time it comes; `tick` is now
    /// (`EvictionMark.tick`).
    public mutating func insert(_ element: Element, bytes: Int, fingerprint: UInt64, tick: UInt64) -> Handle {
        let index = slab.add(element, bytes: bytes, fingerprint: fingerprint)
        switch policy {
        case .sieve: sieve.insert(index, &slab)
        case .s3fifo: s3fifo.insert(index, &slab)
        case .lru: lru.insert(index, tick: tick, &slab)
        }
        return Handle(index: index)
    }

    /// Takes an element out that was not evicted.
    public mutating func remove(_ handle: Handle) {
        switch policy {
        case .sieve: sieve.remove(handle.index, &slab)
        case .s3fifo: s3fifo.remove(handle.index, &slab)
        case .lru: lru.remove(handle.index, &slab)
        }
        _ = slab.take(handle.index)
    }

    /// The element takes another number of bytes from now on.
    public mutating func resize(_ handle: Handle, bytes: Int) {
        switch policy {
        case .sieve: sieve.resize(handle.index, bytes: bytes, &slab)
        case .s3fifo: s3fifo.resize(handle.index, bytes: bytes, &slab)
        case .lru: slab.resize(handle.index, bytes: bytes)
        }
    }

    /// Takes out the next victim. `takeMark` tells how an element was used since it was last asked, and forgets it.
    /// Nil when there is nothing to evict.
    public mutating func evict(takeMark: (Element) -> EvictionMark.Use) -> Element? {
        guard count > 0 else { return nil }
        // Every mark may be set: three rounds spend them, and one more finds a victim. A mark that a hit sets meanwhile
        // does not make it longer.
        let looksMax = min(Self.looksMax, (Int(EvictionMark.hitsMax) + 1) * count + 1)
        let index =
            switch policy {
            case .sieve: sieve.evict(&slab, looksMax: looksMax, takeMark: takeMark)
            case .s3fifo: s3fifo.evict(&slab, looksMax: looksMax, takeMark: takeMark)
            case .lru: lru.evict(&slab, looksMax: looksMax, takeMark: takeMark)
            }
        return slab.take(index)
    }
}
