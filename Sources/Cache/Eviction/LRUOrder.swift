// SPDX-License-Identifier: Apache-2.0

/// Least recently used, without moving anything at a hit.
///
/// A heap holds each element under the last use that it knows of, which is its real one or an earlier one. The eviction
/// looks at the earliest: if it was used later than that, it goes back under its real last use; if not, no other element
/// was used before it, and it leaves. So the victim is exactly that of LRU, to the tick (`EvictionMark`, 128 ms): of
/// elements last used in the same tick, the one that was put there first leaves. The price of a look is the heap's
/// depth, and there is at most one for each tick in which an element was used.
struct LRUOrder {
    private struct Slot {
        var tick: UInt64
        /// The order among equal ticks.
        var number: UInt64
        var index: Int

        func isBefore(_ other: Slot) -> Bool {
            tick != other.tick ? tick < other.tick : number < other.number
        }
    }

    /// A binary heap, the earliest first; nodes know their place in it.
    private var slots: [Slot] = []
    private var nextNumber: UInt64 = 0

    mutating func insert<Element>(_ index: Int, tick: UInt64, _ slab: inout ElementSlab<Element>) {
        slots.append(Slot(tick: tick, number: takeNumber(), index: index))
        slab[index].heapIndex = slots.count - 1
        rise(slots.count - 1, &slab)
    }

    mutating func remove<Element>(_ index: Int, _ slab: inout ElementSlab<Element>) {
        let place = slab[index].heapIndex
        let last = slots.removeLast()
        guard place < slots.count else { return }
        slots[place] = last
        slab[last.index].heapIndex = place
        rise(place, &slab)
        sink(slab[last.index].heapIndex, &slab)
    }

    /// The next victim, taken out of the heap. The slab must not be empty.
    mutating func evict<Element>(
        _ slab: inout ElementSlab<Element>, looksMax: Int, takeMark: (Element) -> EvictionMark.Use
    ) -> Int {
        var looks = 0
        while true {
            let earliest = slots[0]
            guard let element = slab[earliest.index].element else { preconditionFailure("the heap holds elements") }
            looks += 1
            let use = takeMark(element)
            guard looks < looksMax, use.tick > earliest.tick else {
                remove(earliest.index, &slab)
                return earliest.index
            }
            slots[0] = Slot(tick: use.tick, number: takeNumber(), index: earliest.index)
            sink(0, &slab)
        }
    }

    private mutating func takeNumber() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    private mutating func rise<Element>(_ start: Int, _ slab: inout ElementSlab<Element>) {
        var place = start
        while place > 0 {
            let parent = (place - 1) / 2
            guard slots[place].isBefore(slots[parent]) else { return }
            swap(place, parent, &slab)
            place = parent
        }
    }

    private mutating func sink<Element>(_ start: Int, _ slab: inout ElementSlab<Element>) {
        var place = start
        while true {
            var child = 2 * place + 1
            guard child < slots.count else { return }
            if child + 1 < slots.count, slots[child + 1].isBefore(slots[child]) { child += 1 }
            guard slots[child].isBefore(slots[place]) else { return }
            swap(place, child, &slab)
            place = child
        }
    }

    private mutating func swap<Element>(_ left: Int, _ right: Int, _ slab: inout ElementSlab<Element>) {
        slots.swapAt(left, right)
        slab[slots[left].index].heapIndex = left
        slab[slots[right].index].heapIndex = right
    }
}
