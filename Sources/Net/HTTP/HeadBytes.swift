// SPDX-License-Identifier: Apache-2.0
//
// The encoded fields of one response until its HEADERS frame is packed. Belongs to its exchange, which is used again
// for many requests: the memory stays, so that a response allocates nothing.

/// A growing run of raw bytes.
struct HeadBytes {
    private var start: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// Takes a copy of `source` in place of what was there.
    @inline(__always)
    mutating func set(_ source: UnsafeRawBufferPointer) {
        if source.count > capacity { grow(to: source.count) }
        count = source.count
        guard let base = source.baseAddress else { return }
        start?.copyMemory(from: base, byteCount: count)
    }

    private mutating func grow(to bytes: Int) {
        start?.deallocate()
        capacity = max(512, bytes)
        start = .allocate(byteCount: capacity, alignment: 16)
    }

    /// Frees the memory; the owner calls it in its deinit.
    mutating func free() {
        start?.deallocate()
        start = nil
        capacity = 0
        count = 0
    }
}
