// SPDX-License-Identifier: Apache-2.0

/// S3-FIFO (Yang et al., "FIFO Queues are All You Need for Cache Eviction", SOSP 2023), with sizes in bytes.
///
/// What is new waits in a small queue. When it comes to its end, it goes to the main queue if it was hit more than once,
/// else it leaves, and the ghost queue remembers it: if it comes again soon, it goes straight to the main queue. There,
/// what was hit goes round once more for each hit that counts (up to three).
///
/// The small queue has a tenth of the budget. That is what evictions aim at, not a limit: an element that is larger than
/// the whole share enters it like any other, the room comes from the main queue, and those before it leave no faster
/// than others arrive.
struct S3FIFOOrder {
    /// Hits in the small queue from which an element goes to the main queue.
    private static let promotionHits: UInt8 = 2
    /// The ghost queue's own memory stays below 64 bytes for each of so many of the budget: 3 %.
    private static let bytesPerGhost = 2048
    private static let ghostsMin = 64

    private var small = ElementList()
    private var main = ElementList()
    private var ghosts: GhostQueue
    private let smallBytes: Int

    init(budgetBytes: Int) {
        smallBytes = max(1, budgetBytes / 10)
        ghosts = GhostQueue(
            bytesMax: budgetBytes - budgetBytes / 10,
            entriesMax: max(Self.ghostsMin, budgetBytes / Self.bytesPerGhost))
    }

    mutating func insert<Element>(_ index: Int, _ slab: inout ElementSlab<Element>) {
        if ghosts.take(slab[index].fingerprint) {
            slab[index].isInMain = true
            slab.append(index, to: &main)
        } else {
            slab.append(index, to: &small)
        }
    }

    mutating func remove<Element>(_ index: Int, _ slab: inout ElementSlab<Element>) {
        if slab[index].isInMain { slab.unlink(index, from: &main) } else { slab.unlink(index, from: &small) }
    }

    mutating func resize<Element>(_ index: Int, bytes: Int, _ slab: inout ElementSlab<Element>) {
        if slab[index].isInMain {
            slab.resize(index, bytes: bytes, in: &main)
        } else {
            slab.resize(index, bytes: bytes, in: &small)
        }
    }

    /// The next victim, unlinked. The slab must not be empty.
    mutating func evict<Element>(
        _ slab: inout ElementSlab<Element>, looksMax: Int, takeMark: (Element) -> EvictionMark.Use
    ) -> Int {
        var looks = 0
        while true {
            let isFromSmall = main.isEmpty || (!small.isEmpty && small.bytes >= smallBytes)
            let oldest = isFromSmall ? small.oldest : main.oldest
            guard let element = slab[oldest].element else { preconditionFailure("the lists hold elements") }
            looks += 1
            let frequency = min(EvictionMark.hitsMax, slab[oldest].frequency + takeMark(element).hits)
            let isKept = looks < looksMax && frequency >= (isFromSmall ? Self.promotionHits : 1)
            if isFromSmall { slab.unlink(oldest, from: &small) } else { slab.unlink(oldest, from: &main) }
            guard isKept else {
                if isFromSmall { ghosts.insert(slab[oldest].fingerprint, bytes: slab[oldest].bytes) }
                return oldest
            }
            // In the main queue a round costs a hit; what comes from the small one starts anew.
            slab[oldest].frequency = isFromSmall ? 0 : frequency - 1
            slab[oldest].isInMain = true
            slab.append(oldest, to: &main)
        }
    }
}
