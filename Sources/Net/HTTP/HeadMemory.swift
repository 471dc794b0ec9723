// SPDX-License-Identifier: Apache-2.0
//
// Memory for values of a request's head that can not stay where they were read: HTTP/2 decodes each one into memory of
// its own, and several lines of one field become one list. The bytes belong to a pool or a server of the same loop;
// this record only says how much of them is used.

/// A fixed piece of memory that fills from the front with bytes, and from the back with where the fields among them lie.
struct HeadMemory {
    /// Three numbers of 32 bits: where the name begins, which the value follows, and the lengths of both. The limit on a
    /// head counts 32 bytes for each field, so there is always room for it.
    private static let entryBytes = 12

    private let start: UnsafeMutableRawPointer
    private let capacity: Int
    private(set) var used = 0
    /// Fields that `keepField` has kept.
    private(set) var fieldCount = 0

    /// Uses `capacity` bytes at `start`, which the caller keeps alive as long as the views made of them.
    init(_ start: UnsafeMutableRawPointer, capacity: Int) {
        self.start = start
        self.capacity = capacity
    }

    /// A copy of `value`; nil when there is no room.
    @inline(__always)
    mutating func keep(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard value.count <= capacity - used - fieldCount * Self.entryBytes else { return nil }
        let place = start + used
        if let base = value.baseAddress { place.copyMemory(from: base, byteCount: value.count) }
        used += value.count
        return UnsafeRawBufferPointer(start: place, count: value.count)
    }

    /// Keeps a whole field, to be found again by `field`. The kept value; nil when there is no room.
    @inline(__always)
    mutating func keepField(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let offset = used
        fieldCount += 1
        guard keep(name) != nil, let kept = keep(value) else {
            fieldCount -= 1
            return nil
        }
        let entry = start + capacity - fieldCount * Self.entryBytes
        entry.storeBytes(of: UInt32(offset), as: UInt32.self)
        entry.storeBytes(of: UInt32(name.count), toByteOffset: 4, as: UInt32.self)
        entry.storeBytes(of: UInt32(value.count), toByteOffset: 8, as: UInt32.self)
        return kept
    }

    /// A kept field by the order of its arrival.
    func field(_ index: Int) -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        precondition((0..<fieldCount).contains(index))
        let entry = UnsafeRawPointer(start) + capacity - (index + 1) * Self.entryBytes
        let offset = Int(entry.loadUnaligned(as: UInt32.self))
        let nameCount = Int(entry.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        let valueCount = Int(entry.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        let name = UnsafeRawPointer(start) + offset
        return (
            UnsafeRawBufferPointer(start: name, count: nameCount),
            UnsafeRawBufferPointer(start: name + nameCount, count: valueCount)
        )
    }

    /// `first`, `separator` and `second` in one piece; nil when there is no room. Grows in place when `first` is what
    /// was kept last: lines of one field mostly follow each other.
    mutating func join(
        _ first: UnsafeRawBufferPointer, _ separator: StaticString, _ second: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let isLast = first.baseAddress.map { $0 + first.count == UnsafeRawPointer(start) + used } ?? false
        let middle = UnsafeRawBufferPointer(start: separator.utf8Start, count: separator.utf8CodeUnitCount)
        guard let joined = isLast ? first : keep(first), keep(middle) != nil, keep(second) != nil else { return nil }
        return UnsafeRawBufferPointer(start: joined.baseAddress, count: first.count + middle.count + second.count)
    }
}
