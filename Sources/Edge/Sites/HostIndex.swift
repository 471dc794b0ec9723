// SPDX-License-Identifier: Apache-2.0

import Net

/// A hash table from names to numbers that is asked with a request's bytes: in any case, and without allocating. Made once,
/// then only read. The names are the configuration's own, so nobody outside can make them collide.
struct HostIndex: Sendable {
    private struct Entry {
        var name: [UInt8]
        var value: Int
    }

    private var entries: [Entry] = []
    /// Open addressing with linear steps: one more than the place of an entry, 0 for none. Half of them stay empty.
    private var slots: [Int32] = [0]

    /// `names` are in lower case; of two that are the same the first one counts.
    init(_ names: [(name: [UInt8], value: Int)]) {
        var capacity = 2
        while capacity < 2 * names.count { capacity *= 2 }
        slots = [Int32](repeating: 0, count: capacity)
        for (name, value) in names {
            let place = name.withUnsafeBytes { slot(of: $0) }
            guard slots[place] == 0 else { continue }
            entries.append(Entry(name: name, value: value))
            slots[place] = Int32(entries.count)
        }
    }

    var isEmpty: Bool { entries.isEmpty }

    /// The number of a name; nil when it is not there.
    func find(_ name: UnsafeRawBufferPointer) -> Int? {
        let found = slots[slot(of: name)]
        return found == 0 ? nil : entries[Int(found) - 1].value
    }

    /// The slot of a name, or the empty one where it would be.
    private func slot(of name: UnsafeRawBufferPointer) -> Int {
        var slot = Int(truncatingIfNeeded: Self.hash(name)) & (slots.count - 1)
        while slots[slot] != 0, !isSame(entries[Int(slots[slot]) - 1].name, name) {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    private func isSame(_ stored: [UInt8], _ name: UnsafeRawBufferPointer) -> Bool {
        guard stored.count == name.count else { return false }
        for index in 0..<stored.count where stored[index] != asciiLowercase(name[index]) { return false }
        return true
    }

    /// FNV-1a of the name in lower case.
    private static func hash(_ name: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name { hash = (hash ^ UInt64(asciiLowercase(byte))) &* 0x0000_0100_0000_01B3 }
        return hash ^ hash >> 32
    }
}
