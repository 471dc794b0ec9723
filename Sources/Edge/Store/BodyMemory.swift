// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts the bytes of all slices of a process, also of those that the memory tier's budget does not know: bodies
/// in transfer, uncacheable ones, and evicted ones that are still being sent. Shared by all workers; touched when
/// a slice is made or freed, never by a hit.
final class BodyMemory: Sendable {
    private let bytes = Atomic<Int>(0)
    /// No fill is begun while more than this is in use.
    let limitBytes: Int

    init(limitBytes: Int) {
        self.limitBytes = limitBytes
    }

    var usedBytes: Int { bytes.load(ordering: .relaxed) }
    var isExhausted: Bool { usedBytes > limitBytes }
    /// More is in use than the memory tier's budget and half of what may be beside it.
    var isTight: Bool { usedBytes > limitBytes - limitBytes / 6 }

    func add(_ count: Int) {
        bytes.wrappingAdd(count, ordering: .relaxed)
    }
}
