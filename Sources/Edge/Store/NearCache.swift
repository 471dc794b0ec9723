// SPDX-License-Identifier: Apache-2.0
//
// One worker's own table of the objects it has served: a hit takes no lock and touches no line that another
// worker writes. Direct-mapped: a key has one place, and a newcomer takes it. Each entry holds a reference,
// so an evicted object's memory is freed once every worker has swept it out (`sweep`, after evictions).

import Glibc
import Synchronization

/// A worker's lock-free index into the shared memory tier. Belongs to one worker's thread.
struct NearCache {
    private static let slotCount = 8192

    private struct Slot {
        var hash: UInt64 = 0
        var object: CachedObject?
    }

    private var slots = [Slot](repeating: Slot(), count: NearCache.slotCount)

    /// The object of this key, if it is here, may be served as fresh, and no purge has come since it was judged.
    @inline(__always)
    func find(
        _ key: UnsafeRawBufferPointer, hash: UInt64, nowMilliseconds: Int64, generation: UInt64
    ) -> CachedObject? {
        let index = Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)
        guard slots[index].hash == hash, let object = slots[index].object else { return nil }
        guard nowMilliseconds < object.freshUntilMilliseconds, !object.isWithdrawn.load(ordering: .relaxed),
            object.judgedGeneration.load(ordering: .relaxed) == generation
        else { return nil }
        let isSame = object.key.bytes.withUnsafeBytes { stored in
            guard stored.count == key.count, let left = stored.baseAddress, let right = key.baseAddress else {
                return false
            }
            return memcmp(left, right, key.count) == 0
        }
        return isSame ? object : nil
    }

    mutating func insert(_ object: CachedObject) {
        let index = Int(truncatingIfNeeded: object.key.hashValue64) & (Self.slotCount - 1)
        slots[index] = Slot(hash: object.key.hashValue64, object: object)
    }

    /// Lets go of objects that have left the shared table.
    mutating func sweep() {
        for index in slots.indices where slots[index].object?.isWithdrawn.load(ordering: .relaxed) == true {
            slots[index] = Slot()
        }
    }
}
