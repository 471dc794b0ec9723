// SPDX-License-Identifier: Apache-2.0
//
// A thread that reads. Its transaction, its buffers and its counters are its own. A transaction is open while one value is
// found and copied, and never while a receiver is called: a slow receiver keeps no page from being used again. It ends
// when its queue says so.

import Base

/// Serves reads from a queue.
final class DiskReader {
    /// A copy that takes longer came from the disk: the kernel is asked for the slices that follow.
    private static let coldMicroseconds: Int64 = 300
    private static let announcedSlices = 8

    private let database: DiskDatabase
    private let index: DiskIndex
    private let queue: DiskReadQueue
    private let writes: DiskWriteQueue
    private let counters: DiskReaderCounters
    private let transaction: DatabaseTransaction
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: DiskSlice.byteCount, alignment: 4096)
    private var recordBuffer = [UInt8]()

    init(
        database: DiskDatabase, index: DiskIndex, queue: DiskReadQueue, writes: DiskWriteQueue,
        counters: DiskReaderCounters
    ) throws(DatabaseError) {
        self.database = database
        self.index = index
        self.queue = queue
        self.writes = writes
        self.counters = counters
        transaction = try database.beginRead()
        transaction.park()
    }

    deinit {
        buffer.deallocate()
    }

    func run() {
        while let read = queue.next() { serve(read) }
    }

    private func serve(_ read: DiskRead) {
        counters.reads.add()
        do {
            if try give(read) { read.receiver.done() } else { read.receiver.missing() }
        } catch let error as DiskReadError {
            read.receiver.failed(error)
        } catch {
            counters.errors.add()
            read.receiver.failed(.failed("\(error)"))
        }
    }

    /// Gives the receiver the head and the slices; false when there is no such object.
    private func give(_ read: DiskRead) throws -> Bool {
        guard let sequence = index.sequence(read.identifier) else { return false }
        index.mark(read.identifier)
        guard let record = try record(read, sequence: sequence) else { return false }
        let isWanted = read.receiver.head(
            record.head, version: record.version, length: record.length, present: record.present)
        guard isWanted else { throw DiskReadError.stopped }
        let all = 0..<record.present.count
        for slice in read.slices?.clamped(to: all) ?? all where record.present.contains(slice) {
            try give(slice, record, read)
        }
        return true
    }

    /// The object's record; nil when it has left or is of another key.
    private func record(_ read: DiskRead, sequence: UInt64) throws -> DiskObjectRecord? {
        do {
            try transaction.renew()
            defer { transaction.park() }
            guard let value = try transaction.get(.objects, read.identifier.bytes) else { return nil }
            if recordBuffer.count < value.count { recordBuffer = [UInt8](repeating: 0, count: value.count) }
            let count = value.count
            try recordBuffer.withUnsafeMutableBytes { try database.copy(value, to: .init(rebasing: $0[..<count])) }
            let record = recordBuffer.withUnsafeBytes { DiskObjectRecord($0.part(0..<count)) }
            guard let record else { throw DiskReadError.damaged }
            return record.key == read.key ? record : nil
        } catch {
            throw discard(read.identifier, sequence: sequence, after: error)
        }
    }

    private func give(_ slice: Int, _ record: DiskObjectRecord, _ read: DiskRead) throws {
        let count = DiskSlice.range(slice, length: record.length).count
        var target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        if let own = read.receiver.destination(slice, count: count), own.count == count { target = own }
        do {
            try copy(slice, record, to: target)
            try verify(slice, record, read.identifier, UnsafeRawBufferPointer(target))
        } catch {
            throw discard(read.identifier, sequence: record.sequence, after: error)
        }
        counters.bytesRead.add(count)
        guard read.receiver.slice(slice, UnsafeRawBufferPointer(target)) else { throw DiskReadError.stopped }
    }

    private func copy(_ slice: Int, _ record: DiskObjectRecord, to target: UnsafeMutableRawBufferPointer) throws {
        try transaction.renew()
        defer { transaction.park() }
        let key = DiskSlice.key(sequence: record.sequence, index: slice)
        guard let value = try transaction.get(.slices, key) else { throw DiskReadError.replaced }
        guard value.count == target.count else { throw DiskReadError.damaged }
        let start = Clock.monotonicMicroseconds()
        try database.copy(value, to: target)
        guard Clock.monotonicMicroseconds() - start > Self.coldMicroseconds else { return }
        for next in slice + 1..<slice + 1 + Self.announcedSlices where record.present.contains(next) {
            let key = DiskSlice.key(sequence: record.sequence, index: next)
            if let value = try transaction.get(.slices, key) { database.announce(value) }
        }
    }

    /// Compares the checksum, once in the life of the process.
    private func verify(
        _ slice: Int, _ record: DiskObjectRecord, _ identifier: DiskIdentifier, _ bytes: UnsafeRawBufferPointer
    ) throws(DiskReadError) {
        if index.isVerified(identifier, sequence: record.sequence, slice: slice) { return }
        guard XXHash64.checksum(bytes) == record.checksums[slice] else { throw .damaged }
        index.setVerified(identifier, sequence: record.sequence, slice: slice)
    }

    /// Removes an object that is damaged or can not be read. Returns the error.
    private func discard(_ identifier: DiskIdentifier, sequence: UInt64, after error: any Error) -> any Error {
        let isDamaged = error as? DiskReadError == .damaged
        guard isDamaged || error is SystemError else { return error }
        if isDamaged { counters.checksumFailures.add() }
        index.hide(identifier)
        if !writes.add([.discard(identifier, sequence: sequence)]) { index.unhide(identifier) }
        return error
    }
}
