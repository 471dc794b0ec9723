// SPDX-License-Identifier: Apache-2.0

import Base
import Cache

/// How the file is kept within its budget.
extension DiskWriter {
    /// Pages of a whole slice: LMDB puts 16 bytes before a value of several pages.
    var slicePages: Int { (DiskSlice.byteCount + 16 + database.pageBytes - 1) / database.pageBytes }

    /// How many pages may hold something. Pages that a transaction frees are used again from the next but one on, and in the
    /// meantime two batches are written; twice that is kept free, and a fiftieth for the trees' own changes.
    private var pagesMax: Int {
        let batchPages = queue.limits.batchBytes / database.pageBytes
        return database.mapPages - 4 * batchPages - database.mapPages / 50 - fragmentedPages
    }

    /// Frees pages until `needed` more have room, first those of objects that were removed before.
    func evict(_ attempt: inout Attempt, needed: Int, objectsMax: Int) throws(DatabaseError) {
        var objects = 0
        while objects < objectsMax, try attempt.transaction.usedPages() + needed > pagesMax {
            if leftovers.isEmpty {
                guard try evictOne(&attempt) else { return }
            } else {
                try sweepOne(&attempt)
            }
            objects += 1
        }
    }

    private func evictOne(_ attempt: inout Attempt) throws(DatabaseError) -> Bool {
        let now = UInt32(clamping: Clock.wallSeconds())
        guard let identifier = order.evict(takeMark: { self.index.takeMark($0, nowSeconds: now) }) else { return false }
        if let record = index.remove(identifier) {
            counters.objects.add(-1)
            attempt.victims.append((identifier, record))
        }
        _ = try delete(identifier, &attempt)
        return true
    }

    /// Frees the pages of the latest leftover, unless a successor has done so.
    func sweepOne(_ attempt: inout Attempt) throws(DatabaseError) {
        guard let leftover = leftovers.popLast() else { return }
        attempt.swept.append((leftover.identifier, leftover.sequence))
        guard let bytes = try attempt.transaction.get(.index, leftover.identifier.bytes),
            DiskIndexRecord(bytes)?.sequence == leftover.sequence
        else { return }
        try attempt.transaction.deleteSlices(sequence: leftover.sequence)
        try attempt.transaction.delete(.objects, leftover.identifier.bytes)
        try attempt.transaction.delete(.index, leftover.identifier.bytes)
    }
}
