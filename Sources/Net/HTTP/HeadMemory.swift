// SPDX-License-Identifier: Apache-2.0
//
// Memory for values of a request's head that can not stay where they were read: HTTP/2 decodes each one into memory of
// its own, and several lines of one field become one list. The bytes belong to a pool or a server of the same loop;
// this record only says how much of them is used.

/// A fixed piece of memory that fills from the front.
struct HeadMemory {
    private let start: UnsafeMutableRawPointer
    private let capacity: Int
    private(set) var used = 0

    /// Uses `capacity` bytes at `start`, which the caller keeps alive as long as the views made of them.
    init(_ start: UnsafeMutableRawPointer, capacity: Int) {
        self.start = start
        self.capacity = capacity
    }

    /// A copy of `value`; nil when there is no room.
    @inline(__always)
    mutating func keep(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard value.count <= capacity - used else { return nil }
        let place = start + used
        if let base = value.baseAddress { place.copyMemory(from: base, byteCount: value.count) }
        used += value.count
        return UnsafeRawBufferPointer(start: place, count: value.count)
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
