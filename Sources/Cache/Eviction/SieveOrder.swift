// SPDX-License-Identifier: Apache-2.0

/// SIEVE (Zhang et al., "SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction Algorithm for Web Caches", NSDI 2024).
///
/// Elements stand in the order of their arrival and never move. A hand walks from the oldest to the newest, clears marks
/// and takes the first element without one. What is new and not hit leaves early, because the hand stays where it took
/// the last one instead of going back to the oldest.
struct SieveOrder {
    private var list = ElementList()
    private var hand = -1

    mutating func insert<Element>(_ index: Int, _ slab: inout ElementSlab<Element>) {
        slab.append(index, to: &list)
    }

    mutating func remove<Element>(_ index: Int, _ slab: inout ElementSlab<Element>) {
        if hand == index { hand = slab[index].newer }
        slab.unlink(index, from: &list)
    }

    mutating func resize<Element>(_ index: Int, bytes: Int, _ slab: inout ElementSlab<Element>) {
        slab.resize(index, bytes: bytes, in: &list)
    }

    /// The next victim, unlinked. The slab must not be empty.
    mutating func evict<Element>(
        _ slab: inout ElementSlab<Element>, looksMax: Int, takeMark: (Element) -> EvictionMark.Use
    ) -> Int {
        var looks = 0
        while true {
            if hand < 0 { hand = list.oldest }
            let current = hand
            guard let element = slab[current].element else { preconditionFailure("the list holds elements") }
            looks += 1
            if looks < looksMax, takeMark(element).hits > 0 {
                hand = slab[current].newer
                continue
            }
            remove(current, &slab)
            return current
        }
    }
}
