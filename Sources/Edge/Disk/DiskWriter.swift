// SPDX-License-Identifier: Apache-2.0
//
// The thread that writes. It owns the eviction order, the next sequence number and the list of what was removed but still
// takes pages; nobody else touches them. It changes the index only after the change is durable, so what a worker finds
// there is on disk. It ends when its queue says so.

import Base
import Cache

/// Applies batches of changes, each in one durable transaction, and keeps the file within its budget.
final class DiskWriter {
    /// What a transaction has changed, for the index; applied in order once it is durable.
    enum Effect {
        case stored(DiskIdentifier, DiskIndexRecord)
        case refreshed(DiskIdentifier, sequence: UInt64, freshUntilSeconds: UInt64)
        case removed(DiskIdentifier)
        case unhide(DiskIdentifier)
        case removedAll
        case outcome(DiskWriteOutcome, Bool)
        case durable(@Sendable (Bool) -> Void)
    }

    /// An attempt to apply a batch.
    struct Attempt {
        let transaction: DatabaseTransaction
        var effects: [Effect] = []
        /// Taken out of the eviction order and the index; put back if the transaction fails.
        var victims: [(DiskIdentifier, DiskIndex.Record)] = []
        /// Leftovers whose pages this transaction frees.
        var swept: [(DiskIdentifier, UInt64)] = []
        var writes = 0
        var bytesWritten = 0
    }

    /// How long nothing is stored after the disk has failed.
    private static let pauseMilliseconds: Int64 = 10_000
    private static let logEveryMilliseconds: Int64 = 60_000
    private static let attemptsMax = 4
    private static let sweptWithABatch = 8
    private static let sweepEveryMilliseconds: Int64 = 5

    let database: DiskDatabase
    let index: DiskIndex
    let queue: DiskWriteQueue
    let counters: DiskWriterCounters
    /// SIEVE, because a single mark is all that is known of a use, and because it keeps objects in the order of their
    /// arrival, which the sequence numbers restore after a restart. One-hit wonders are kept out before they come here.
    var order: EvictionQueue<DiskIdentifier>
    /// Removed from the index, but still in the file, with the sequence number under which they lie there.
    var leftovers: [(identifier: DiskIdentifier, sequence: UInt64)] = []
    var nextSequence: UInt64
    var sequenceFloor: UInt64
    /// Pages that are kept free beside those of `room`, after runs of free pages were found to be too short.
    var fragmentedPages = 0
    private var logMilliseconds: Int64 = 0
    private var pausedUntilMilliseconds: Int64 = 0
    private var turns: UInt64 = 0

    /// Loads the index from the database, oldest object first.
    init(
        database: DiskDatabase, index: DiskIndex, queue: DiskWriteQueue, counters: DiskWriterCounters
    ) throws(DatabaseError) {
        self.database = database
        self.index = index
        self.queue = queue
        self.counters = counters
        order = Self.makeOrder(database)
        sequenceFloor = database.sequenceFloor
        nextSequence = max(1, database.sequenceFloor)
        try load()
    }

    private static func makeOrder(_ database: DiskDatabase) -> EvictionQueue<DiskIdentifier> {
        EvictionQueue(policy: .sieve, budgetBytes: database.mapPages * database.pageBytes)
    }

    private func enqueue(_ identifier: DiskIdentifier, pages: UInt32) -> EvictionQueue<DiskIdentifier>.Handle {
        order.insert(
            identifier, bytes: Int(pages) * database.pageBytes, fingerprint: identifier.high, tick: 0)
    }

    private func load() throws(DatabaseError) {
        var found: [(DiskIdentifier, DiskIndexRecord)] = []
        let transaction = try database.beginRead()
        try transaction.forEach(.index) { key, value in
            guard let identifier = DiskIdentifier(key), let record = DiskIndexRecord(value) else { return }
            found.append((identifier, record))
        }
        counters.usedBytes.add(try transaction.usedPages() * database.pageBytes)
        found.sort { $0.1.sequence < $1.1.sequence }
        index.reserve(found.count)
        for (identifier, record) in found {
            nextSequence = max(nextSequence, record.sequence + 1)
            if record.sequence < sequenceFloor {
                leftovers.append((identifier, record.sequence))
            } else {
                insert(identifier, record)
            }
        }
    }

    private func insert(_ identifier: DiskIdentifier, _ record: DiskIndexRecord) {
        index.insert(
            identifier,
            DiskIndex.Record(
                version: record.version, sequence: record.sequence, handle: enqueue(identifier, pages: record.pages),
                freshUntilSeconds: UInt32(clamping: record.freshUntilSeconds), pages: record.pages,
                isComplete: record.isComplete))
        counters.objects.add()
    }

    // MARK: The thread

    func run() {
        while true {
            switch queue.next(idleMilliseconds: idleMilliseconds) {
            case .batch(let batch): write(batch)
            case .idle: sweepWhileIdle()
            case .stop(let rest):
                giveUp(rest)
                return
            }
        }
    }

    /// How long to wait for work before leftovers are swept: not until the pause is over, should the disk have failed.
    private var idleMilliseconds: Int64 {
        if leftovers.isEmpty { return .max }
        return max(Self.sweepEveryMilliseconds, pausedUntilMilliseconds - Clock.monotonicMilliseconds())
    }

    private func write(_ batch: [DiskOperation]) {
        var batch = batch
        for attempt in 1...Self.attemptsMax {
            do {
                try commit { attempt throws(DatabaseError) in
                    for operation in batch { try self.apply(operation, &attempt) }
                    // Also when the thread is never idle, leftovers become fewer.
                    for _ in 0..<Self.sweptWithABatch { try self.sweepOne(&attempt) }
                }
                fragmentedPages -= (fragmentedPages + 255) / 256
                return
            } catch  where error.isFull {
                let bytes = batch.reduce(0) { $0 + $1.costBytes }
                makeRoom(pages: (bytes / database.pageBytes + 64) * attempt)
                // What was removed shall be removed, even if there is no place for what was to be stored.
                if attempt == Self.attemptsMax - 1 {
                    giveUp(batch.filter(\.isStore))
                    batch = batch.filter { !$0.isStore }
                }
            } catch {
                pause(after: error)
                giveUp(batch)
                return
            }
        }
        giveUp(batch)
    }

    /// Runs `body` in one transaction and makes it durable; when it throws, all is as before.
    func commit(_ body: (inout Attempt) throws(DatabaseError) -> Void) throws(DatabaseError) {
        var attempt = Attempt(transaction: try database.beginWrite())
        do {
            try body(&attempt)
            let used = try attempt.transaction.usedPages() * database.pageBytes
            try attempt.transaction.commit()
            counters.usedBytes.add(used - counters.usedBytes.value)
        } catch {
            attempt.transaction.abort()
            restore(attempt)
            throw error
        }
        counters.commits.add()
        counters.writes.add(attempt.writes)
        counters.bytesWritten.add(attempt.bytesWritten)
        counters.evictions.add(attempt.victims.count)
        for effect in attempt.effects { take(effect) }
    }

    private func restore(_ attempt: Attempt) {
        for (identifier, record) in attempt.victims {
            var record = record
            record.handle = enqueue(identifier, pages: record.pages)
            index.insert(identifier, record)
            counters.objects.add()
        }
        leftovers.append(contentsOf: attempt.swept.map { (identifier: $0.0, sequence: $0.1) })
    }

    private func take(_ effect: Effect) {
        switch effect {
        case .stored(let identifier, let record):
            let isSame = index.update(identifier, sequence: record.sequence) { known in
                known.freshUntilSeconds = UInt32(clamping: record.freshUntilSeconds)
                known.pages = record.pages
                known.isComplete = record.isComplete
            }
            if isSame { return }
            forget(identifier)
            insert(identifier, record)
        case .refreshed(let identifier, let sequence, let seconds):
            _ = index.update(identifier, sequence: sequence) { $0.freshUntilSeconds = UInt32(clamping: seconds) }
        case .removed(let identifier): forget(identifier)
        case .unhide(let identifier): index.unhide(identifier)
        case .removedAll:
            let all = index.removeAll()
            counters.objects.add(-all.count)
            leftovers.append(contentsOf: all.map { (identifier: $0.0, sequence: $0.1) })
            order = Self.makeOrder(database)
            index.unhideAll()
        case .outcome(let outcome, let good): outcome.partIsDone(good)
        case .durable(let report): report(true)
        }
    }

    /// Takes an object out of the index and the order, if it is there.
    func forget(_ identifier: DiskIdentifier) {
        guard let record = index.remove(identifier) else { return }
        order.remove(record.handle)
        counters.objects.add(-1)
    }

    // MARK: Failures

    /// Ends operations that will not be done. A removal still takes the object out of the index, and its pages are freed
    /// when the disk works again; only after a restart could it be back, which its caller is told.
    private func giveUp(_ operations: [DiskOperation]) {
        for operation in operations {
            switch operation {
            case .store(_, _, let outcome):
                counters.dropped.add()
                outcome.partIsDone(false)
            case .refresh: counters.dropped.add()
            case .remove(let identifier, let onDurable):
                leaveOver(identifier)
                index.unhide(identifier)
                onDurable?(false)
            case .discard(let identifier, _):
                leaveOver(identifier)
                index.unhide(identifier)
            case .removeAll(let onDurable):
                take(.removedAll)
                onDurable?(false)
            case .putMeta(_, _, let onDurable): onDurable?(false)
            }
        }
    }

    private func leaveOver(_ identifier: DiskIdentifier) {
        guard let record = index.remove(identifier) else { return }
        order.remove(record.handle)
        counters.objects.add(-1)
        leftovers.append((identifier, record.sequence))
    }

    private func pause(after error: DatabaseError) {
        counters.errors.add()
        let now = Clock.monotonicMilliseconds()
        pausedUntilMilliseconds = now + Self.pauseMilliseconds
        queue.refuseStores(untilMilliseconds: pausedUntilMilliseconds)
        guard logMilliseconds == 0 || now - logMilliseconds >= Self.logEveryMilliseconds else { return }
        logMilliseconds = now
        Log.error(
            "the disk tier can not write: nothing is stored for a while, and what is there is still read",
            [
                "reason": error.description, "pauseMilliseconds": String(Self.pauseMilliseconds),
                "errors": String(counters.errors.value),
            ])
    }

    private func sweepWhileIdle() {
        do {
            try commit { attempt throws(DatabaseError) in
                for _ in 0..<64 where !self.leftovers.isEmpty { try self.sweepOne(&attempt) }
            }
        } catch  where error.isFull {
            makeRoom(pages: 64)
        } catch {
            pause(after: error)
        }
    }

    /// Frees pages in a transaction of its own, and ends another one, after which LMDB uses them again.
    private func makeRoom(pages: Int) {
        fragmentedPages = min(fragmentedPages + database.mapPages / 64, database.mapPages / 4)
        do {
            try commit { attempt throws(DatabaseError) in
                try self.evict(&attempt, needed: pages, objectsMax: 256)
            }
            for _ in 0..<2 {
                turns &+= 1
                try commit { attempt throws(DatabaseError) in
                    let bytes = withUnsafeBytes(of: self.turns) { Array($0) }
                    try attempt.transaction.put(.meta, Array("turn".utf8), bytes)
                }
            }
        } catch {
            pause(after: error)
        }
    }
}
