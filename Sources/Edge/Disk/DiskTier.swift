// SPDX-License-Identifier: Apache-2.0
//
// The disk tier as the rest of the edge sees it. Shared by all workers. Its threads, one that writes and some that read,
// run from `init` to `stop` and hold what they need themselves; `stop` must be called before the last reference goes.

import Base
import Net
import Synchronization

/// Objects on disk, in one LMDB file of a fixed budget. What was committed survives the process and the machine.
///
/// No call waits for the disk, except `init`, `value` and `stop`.
final class DiskTier: Sendable {
    private let index: DiskIndex
    private let writes: DiskWriteQueue
    private let reads: DiskReadQueue
    private let identify: @Sendable ([UInt8]) -> DiskIdentifier
    private let writerCounters: DiskWriterCounters
    private let readerCounters: [DiskReaderCounters]
    private let setAsideCount: Int
    private let objectBytesMax: Int
    private let state: Guarded<State>

    private struct State {
        /// Nil once the tier is stopped.
        var database: DiskDatabase?
        var writer: StartedThread?
        var readers: [StartedThread] = []
    }

    /// Opens the tier: makes the folder, locks it, loads the index and starts the threads. A database that can not be used
    /// is set aside. Throws `DiskTierError`, or `SystemError` or `DatabaseError` for what is not the database's fault.
    ///
    /// - Parameter identify: another way to make identifiers from keys, for tests of collisions.
    init(_ settings: DiskTierSettings, identify: (@Sendable ([UInt8]) -> DiskIdentifier)? = nil) throws {
        let budgetBytes = settings.budgetBytes & ~0xFFFF
        guard budgetBytes >= DiskTierSettings.budgetBytesMin else {
            throw DiskTierError.budget("a disk tier needs at least \(DiskTierSettings.budgetBytesMin) bytes")
        }
        let batchBytes = min(16 << 20, budgetBytes / 16)
        objectBytesMax = budgetBytes / 8
        writes = DiskWriteQueue(
            limits: .init(waitingBytesMax: settings.writeQueueBytesMax, batchBytes: batchBytes))
        reads = DiskReadQueue(capacity: settings.readQueueMax)
        writerCounters = DiskWriterCounters()
        readerCounters = (0..<min(max(1, settings.readers), DiskTierSettings.readersMax)).map { _ in
            DiskReaderCounters()
        }
        let folder = try DatabaseFolder(settings.folder)
        let opened = try DatabaseOpening(folder: folder, budgetBytes: budgetBytes)
            .open(queue: writes, counters: writerCounters)
        index = opened.index
        setAsideCount = opened.setAside
        let hasher = opened.database.hasher
        self.identify = identify ?? { hasher.identifier($0) }
        state = Guarded(State(database: opened.database))
        do {
            try start(opened.database, opened.writer)
        } catch {
            stop(withinMilliseconds: 0)
            throw error
        }
    }

    private func start(_ database: DiskDatabase, _ writer: sending DiskWriter) throws {
        let thread = try startThread(name: "disk-writer") { writer.run() }
        state.withLock { $0.writer = thread }
        for (number, counters) in readerCounters.enumerated() {
            let reader = try DiskReader(
                database: database, index: index, queue: reads, writes: writes, counters: counters)
            let thread = try startThread(name: "disk-reader-\(number)") { reader.run() }
            state.withLock { $0.readers.append(thread) }
        }
    }

    // MARK: Looking

    /// Whether something of the object is on disk. It is neither marked nor counted.
    func contains(_ key: [UInt8]) -> Bool { index.contains(identify(key)) }

    /// What is on disk under a key (or, hardly ever, under one that collides with it): memory only, no I/O. Marks the
    /// object as used.
    func lookup(_ key: [UInt8]) -> DiskEntry? { index.lookup(identify(key)) }

    /// Has the object's head and slices given to `receiver` by a reading thread. When too many reads wait, the receiver is
    /// told so before this returns false.
    @discardableResult
    func read(_ key: [UInt8], slices: Range<Int>? = nil, receiver: any DiskReceiver) -> Bool {
        let isAdded = reads.add(
            DiskRead(identifier: identify(key), key: key, slices: slices, receiver: receiver))
        if !isAdded { receiver.failed(.refused) }
        return isAdded
    }

    // MARK: Changing

    /// Has an object, or slices of one, stored. False when there is no room in the queue, the disk has failed a moment ago,
    /// or the object is larger than an eighth of the budget; `onCommitted` is not called then.
    @discardableResult
    func store(_ write: DiskWrite) -> Bool {
        guard write.key.count <= DiskWrite.keyBytesMax, write.head.count <= DiskWrite.headBytesMax, write.length >= 0,
            write.length <= min(objectBytesMax, DiskSlice.bodyBytesMax)
        else {
            return false
        }
        let identifier = identify(write.key)
        let range = write.sliceRange
        let slicesPerPart = max(1, writes.limits.batchBytes / DiskSlice.byteCount)
        let parts = stride(from: range.lowerBound, to: range.upperBound, by: slicesPerPart)
        let starts = range.isEmpty ? [0] : Array(parts)
        let outcome = DiskWriteOutcome(parts: starts.count, onCommitted: write.onCommitted)
        return writes.add(
            starts.map { start in
                var part = write
                part.slices = start..<max(start, min(start + slicesPerPart, range.upperBound))
                part.onCommitted = nil
                return .store(identifier, part, outcome)
            })
    }

    /// Replaces the head of an object of that version, after a 304. Nothing happens when there is none.
    @discardableResult
    func updateHead(_ key: [UInt8], head: [UInt8], version: UInt64, freshUntilWallSeconds: UInt64) -> Bool {
        guard head.count <= DiskWrite.headBytesMax else { return false }
        return writes.add([
            .refresh(
                identify(key), key: key, head: head, version: version, freshUntilSeconds: freshUntilWallSeconds)
        ])
    }

    /// Removes an object; it is not found from now on. `onDurable` is told true once it can not come back after a crash.
    /// False, and nothing is removed, when too many changes wait.
    @discardableResult
    func remove(_ key: [UInt8], onDurable: (@Sendable (Bool) -> Void)? = nil) -> Bool {
        let identifier = identify(key)
        index.hide(identifier)
        let isAdded = writes.add([.remove(identifier, onDurable: onDurable)])
        if !isAdded { index.unhide(identifier) }
        return isAdded
    }

    /// Removes all objects at once, by a number in the file; their pages are freed in the background.
    @discardableResult
    func removeAll(onDurable: (@Sendable (Bool) -> Void)? = nil) -> Bool {
        index.hideAll()
        let isAdded = writes.add([.removeAll(onDurable: onDurable)])
        if !isAdded { index.unhideAll() }
        return isAdded
    }

    // MARK: Small values of others

    /// Keeps a small value (at most 1 MiB) under a name of at most 256 bytes; committed at once. `onDurable` is told whether
    /// it will survive a crash. False when it was refused.
    @discardableResult
    func putMeta(_ name: String, _ bytes: [UInt8], onDurable: (@Sendable (Bool) -> Void)? = nil) -> Bool {
        guard bytes.count <= 1 << 20, !name.isEmpty, name.utf8.count <= 256 else { return false }
        return writes.add([.putMeta(name: name, bytes: bytes, onDurable: onDurable)])
    }

    /// The value that was last committed under a name. Reads the disk on the calling thread.
    func getMeta(_ name: String) throws -> [UInt8]? {
        guard let database = state.withLock({ $0.database }) else { return nil }
        let transaction = try database.beginRead()
        return try transaction.get(.meta, DiskDatabase.metaKey(name)).map { Array($0) }
    }

    // MARK: Life

    var statistics: DiskStatistics {
        var sum = DiskStatistics()
        sum.usedBytes = writerCounters.usedBytes.value
        sum.fileBytes = state.withLock { $0.database }?.fileBytes ?? 0
        sum.objects = writerCounters.objects.value
        sum.hits = index.hits
        sum.misses = index.misses
        sum.readRefusals = reads.refusals.value
        sum.writes = writerCounters.writes.value
        sum.bytesWritten = writerCounters.bytesWritten.value
        sum.commits = writerCounters.commits.value
        sum.evictions = writerCounters.evictions.value
        sum.writeRefusals = writes.refusals.value
        sum.writesDropped = writerCounters.dropped.value
        sum.errors = writerCounters.errors.value
        sum.setAside = setAsideCount
        for counters in readerCounters {
            sum.reads += counters.reads.value
            sum.bytesRead += counters.bytesRead.value
            sum.errors += counters.errors.value
            sum.checksumFailures += counters.checksumFailures.value
        }
        return sum
    }

    /// Closes the tier: what waits to be written is written within the time, reads that wait are refused, the threads end,
    /// the file is closed and the folder free for another process. Everything is refused from then on.
    func stop(withinMilliseconds: Int64) {
        writes.stop(untilMilliseconds: Clock.monotonicMilliseconds() + withinMilliseconds)
        state.withLock { $0.writer.take() }?.join()
        for read in reads.stop() { read.receiver.failed(.refused) }
        let readers = state.withLock { state in
            defer { state.readers = [] }
            return state.readers
        }
        for reader in readers { reader.join() }
        index.hideAll()
        // The last reference to the database: it is closed here, outside the lock.
        let closed = state.withLock { $0.database.take() }
        _ = closed
    }
}
