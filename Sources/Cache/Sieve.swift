// SPDX-License-Identifier: Apache-2.0

/// Chooses which object leaves a full cache: SIEVE (Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024).
///
/// Objects stand in the order of their arrival and never move. A hit only sets the object's own mark (done
/// elsewhere, without a lock); a hand walks from the oldest to the newest, clears marks and takes the first
/// object without one. Nodes are addressed by index in one array; `Handle`s are used again after removal.
///
/// Not thread-safe: callers serialise inserts, removals and evictions. Hits do not come here.
public struct Sieve<Element> {
    /// Names an inserted element until it is removed or evicted.
    public struct Handle: Sendable, Hashable {
        fileprivate let index: Int
    }

    private struct Node {
        var element: Element?
        var newer: Int
        var older: Int
    }

    private static var none: Int { -1 }

    private var nodes: [Node] = []
    private var freeNodes: [Int] = []
    private var newest = -1
    private var oldest = -1
    private var hand = -1
    public private(set) var count = 0

    public init() {}

    /// Adds an element as the newest.
    public mutating func insert(_ element: Element) -> Handle {
        let node = Node(element: element, newer: Self.none, older: newest)
        let index: Int
        if let free = freeNodes.popLast() {
            nodes[free] = node
            index = free
        } else {
            nodes.append(node)
            index = nodes.count - 1
        }
        if newest != Self.none { nodes[newest].newer = index } else { oldest = index }
        newest = index
        count += 1
        return Handle(index: index)
    }

    /// Takes an element out that was not evicted.
    public mutating func remove(_ handle: Handle) {
        let node = nodes[handle.index]
        precondition(node.element != nil, "a handle is removed once")
        if hand == handle.index { hand = node.newer }
        if node.newer != Self.none { nodes[node.newer].older = node.older } else { newest = node.older }
        if node.older != Self.none { nodes[node.older].newer = node.newer } else { oldest = node.newer }
        nodes[handle.index].element = nil
        freeNodes.append(handle.index)
        count -= 1
    }

    /// Takes out the next victim. `takeMark` tells whether an element was hit since it was last asked, and clears that.
    /// Nil when there is nothing to evict.
    public mutating func evict(takeMark: (Element) -> Bool) -> Element? {
        guard count > 0 else { return nil }
        // Two rounds: the first may clear every mark. A mark set meanwhile by a hit does not make it longer.
        for _ in 0...(2 * count) {
            if hand == Self.none { hand = oldest }
            guard let element = nodes[hand].element else { return nil }
            let current = hand
            if takeMark(element) {
                hand = nodes[current].newer
                continue
            }
            remove(Handle(index: current))
            return element
        }
        // Every element was hit again during both rounds: take the one under the hand.
        let current = hand == Self.none ? oldest : hand
        let element = nodes[current].element
        remove(Handle(index: current))
        return element
    }
}
