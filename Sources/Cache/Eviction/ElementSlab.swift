// SPDX-License-Identifier: Apache-2.0

/// A queue through an `ElementSlab`'s nodes, from the newest to the oldest.
struct ElementList {
    var newest = -1
    var oldest = -1
    var bytes = 0

    var isEmpty: Bool { oldest < 0 }
}

/// The elements of an eviction queue, in one array: nodes are named by index and used again, and each may stand in a
/// list. No allocation but for the array's growth.
struct ElementSlab<Element> {
    struct Node {
        /// Nil in a free node.
        var element: Element?
        var bytes: Int
        var fingerprint: UInt64
        var newer = -1
        var older = -1
        /// For the policy: which of its lists, ...
        var isInMain = false
        /// ... how often hit, as far as it counts, ...
        var frequency: UInt8 = 0
        /// ... and the place in its heap.
        var heapIndex = -1
    }

    static var none: Int { -1 }

    private(set) var nodes: [Node] = []
    private var freeNodes: [Int] = []
    private(set) var count = 0
    private(set) var bytes = 0

    subscript(index: Int) -> Node {
        _read { yield nodes[index] }
        _modify { yield &nodes[index] }
    }

    /// Adds an element, in no list yet.
    mutating func add(_ element: Element, bytes: Int, fingerprint: UInt64) -> Int {
        let node = Node(element: element, bytes: bytes, fingerprint: fingerprint)
        count += 1
        self.bytes += bytes
        if let free = freeNodes.popLast() {
            nodes[free] = node
            return free
        }
        nodes.append(node)
        return nodes.count - 1
    }

    /// Takes an element out that is in no list any more.
    mutating func take(_ index: Int) -> Element {
        guard let element = nodes[index].element else { preconditionFailure("a handle is used once") }
        nodes[index].element = nil
        count -= 1
        bytes -= nodes[index].bytes
        freeNodes.append(index)
        return element
    }

    /// What the element takes from now on; `list` is the one that it stands in.
    mutating func resize(_ index: Int, bytes: Int, in list: inout ElementList) {
        list.bytes += bytes - nodes[index].bytes
        resize(index, bytes: bytes)
    }

    mutating func resize(_ index: Int, bytes: Int) {
        self.bytes += bytes - nodes[index].bytes
        nodes[index].bytes = bytes
    }

    /// Puts a node at the newest end.
    mutating func append(_ index: Int, to list: inout ElementList) {
        nodes[index].older = list.newest
        nodes[index].newer = Self.none
        if list.isEmpty { list.oldest = index } else { nodes[list.newest].newer = index }
        list.newest = index
        list.bytes += nodes[index].bytes
    }

    mutating func unlink(_ index: Int, from list: inout ElementList) {
        let newer = nodes[index].newer
        let older = nodes[index].older
        if newer < 0 { list.newest = older } else { nodes[newer].older = older }
        if older < 0 { list.oldest = newer } else { nodes[older].newer = newer }
        list.bytes -= nodes[index].bytes
    }
}
