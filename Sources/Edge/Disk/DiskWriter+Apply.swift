// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net

/// What each change does to the database.
extension DiskWriter {
    func apply(_ operation: DiskOperation, _ attempt: inout Attempt) throws(DatabaseError) {
        switch operation {
        case .store(let identifier, let write, let outcome):
            let isWhole = try store(identifier, write, &attempt)
            attempt.effects.append(.outcome(outcome, isWhole))
        case .refresh(let identifier, let key, let head, let version, let seconds):
            try refresh(identifier, key: key, head: head, version: version, freshUntilSeconds: seconds, &attempt)
        case .remove(let identifier, let onDurable):
            _ = try delete(identifier, &attempt)
            attempt.effects.append(.unhide(identifier))
            if let onDurable { attempt.effects.append(.durable(onDurable)) }
        case .discard(let identifier, let sequence):
            if try indexRecord(identifier, attempt)?.sequence == sequence { _ = try delete(identifier, &attempt) }
            attempt.effects.append(.unhide(identifier))
        case .removeAll(let onDurable):
            sequenceFloor = nextSequence
            try database.setSequenceFloor(sequenceFloor, attempt.transaction)
            attempt.effects.append(.removedAll)
            if let onDurable { attempt.effects.append(.durable(onDurable)) }
        case .putMeta(let name, let bytes, let onDurable):
            try attempt.transaction.put(.meta, DiskDatabase.metaKey(name), bytes)
            if let onDurable { attempt.effects.append(.durable(onDurable)) }
        }
    }

    private func indexRecord(
        _ identifier: DiskIdentifier, _ attempt: borrowing Attempt
    ) throws(DatabaseError) -> DiskIndexRecord? {
        try attempt.transaction.get(.index, identifier.bytes).flatMap { DiskIndexRecord($0) }
    }

    /// The record to which slices of this write can be added; nil when there is none, or it is of another version, of a
    /// colliding key, removed with all others, or damaged.
    private func recordToExtend(
        _ identifier: DiskIdentifier, _ write: DiskWrite, _ attempt: borrowing Attempt
    ) throws(DatabaseError) -> DiskObjectRecord? {
        guard let bytes = try attempt.transaction.get(.objects, identifier.bytes),
            let record = DiskObjectRecord(bytes), record.key == write.key, record.version == write.version,
            record.length == write.length, record.sequence >= sequenceFloor
        else { return nil }
        return record
    }

    /// Stores the slices that are not there; false when some of them could not be had.
    private func store(
        _ identifier: DiskIdentifier, _ write: DiskWrite, _ attempt: inout Attempt
    ) throws(DatabaseError) -> Bool {
        let needed = write.sliceRange.count * slicePages + write.head.count / database.pageBytes + 16
        try evict(&attempt, needed: needed, objectsMax: .max)
        var record: DiskObjectRecord
        if let known = try recordToExtend(identifier, write, attempt) {
            record = known
            record.head = write.head
        } else {
            _ = try delete(identifier, &attempt)
            record = DiskObjectRecord(
                version: write.version, sequence: nextSequence, length: write.length, key: write.key,
                head: write.head)
            nextSequence += 1
        }
        var isWhole = true
        for slice in write.sliceRange where !record.present.contains(slice) {
            guard let checksum = try storeSlice(slice, record, write.body, &attempt) else {
                isWhole = false
                continue
            }
            record.present.insert(slice)
            record.checksums[slice] = checksum
        }
        if record.present.presentCount > 0 || record.length == 0 {
            try put(record, identifier, freshUntilSeconds: write.freshUntilWallSeconds, &attempt)
            attempt.writes += 1
        }
        return isWhole
    }

    /// Copies a slice from the body into the database; nil when the body does not have all of it.
    private func storeSlice(
        _ slice: Int, _ record: DiskObjectRecord, _ body: any BodySource & Sendable, _ attempt: inout Attempt
    ) throws(DatabaseError) -> UInt64? {
        let range = DiskSlice.range(slice, length: record.length)
        // Looked for first: what is reserved must be filled.
        var pieces: [UnsafeRawBufferPointer] = []
        var position = range.lowerBound
        while position < range.upperBound {
            guard case .bytes(let piece) = body.window(at: position), !piece.isEmpty else { return nil }
            pieces.append(piece)
            position += piece.count
        }
        let key = DiskSlice.key(sequence: record.sequence, index: slice)
        let target = try attempt.transaction.reserve(.slices, key, byteCount: range.count)
        var filled = 0
        for piece in pieces {
            let count = min(piece.count, range.count - filled)
            target[filled..<filled + count].copyBytes(from: piece.prefix(count))
            filled += count
        }
        attempt.bytesWritten += range.count
        return XXHash64.checksum(UnsafeRawBufferPointer(target))
    }

    private func put(
        _ record: DiskObjectRecord, _ identifier: DiskIdentifier, freshUntilSeconds: UInt64, _ attempt: inout Attempt
    ) throws(DatabaseError) {
        let bytes = record.encoded
        let pages = record.present.presentCount * slicePages + 1 + bytes.count / database.pageBytes
        let entry = DiskIndexRecord(
            version: record.version, sequence: record.sequence, freshUntilSeconds: freshUntilSeconds,
            pages: UInt32(clamping: pages), isComplete: record.present.isComplete)
        try attempt.transaction.put(.objects, identifier.bytes, bytes)
        try attempt.transaction.put(.index, identifier.bytes, entry.encoded)
        attempt.effects.append(.stored(identifier, entry))
    }

    private func refresh(
        _ identifier: DiskIdentifier, key: [UInt8], head: [UInt8], version: UInt64, freshUntilSeconds: UInt64,
        _ attempt: inout Attempt
    ) throws(DatabaseError) {
        guard let bytes = try attempt.transaction.get(.objects, identifier.bytes), var record = DiskObjectRecord(bytes),
            record.key == key, record.version == version, record.sequence >= sequenceFloor
        else { return }
        record.head = head
        try put(record, identifier, freshUntilSeconds: freshUntilSeconds, &attempt)
    }

    /// Takes an object out of the database, with its slices, and later out of the index. False when there is none.
    func delete(_ identifier: DiskIdentifier, _ attempt: inout Attempt) throws(DatabaseError) -> Bool {
        guard let record = try indexRecord(identifier, attempt) else { return false }
        try attempt.transaction.deleteSlices(sequence: record.sequence)
        try attempt.transaction.delete(.objects, identifier.bytes)
        try attempt.transaction.delete(.index, identifier.bytes)
        attempt.effects.append(.removed(identifier))
        return true
    }
}
