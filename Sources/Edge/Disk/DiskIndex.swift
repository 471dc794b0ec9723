// SPDX-License-Identifier: Apache-2.0
//
// What is on disk, in memory: looked up by workers on a miss of the memory tier, without I/O. Cut into shards with a lock
// each, held for one table access. Entries come and go by the writing thread alone, after the change is durable (an entry
// that is evicted goes before). Workers set marks; readers note which slices they have verified. A removal hides its
// entry at once, until the writer has removed it.

import Base
import Cache
import Synchronization

/// What the index knows of an object on disk.
struct DiskEntry: Sendable, Equatable {
    let identifier: DiskIdentifier
    let version: UInt64
    /// What the object takes in the file, in bytes.
    let fileBytes: Int
    /// Seconds since 1970; at most 2^32 - 1.
    let freshUntilWallSeconds: UInt64
    /// Whether all slices of the body are there.
    let isComplete: Bool
}

/// The table of all objects of a disk tier.
final class DiskIndex: Sendable {
    /// 48 bytes an object, beside 16 of its identifier.
    struct Record {
        var version: UInt64
        var sequence: UInt64
        var handle: EvictionQueue<DiskIdentifier>.Handle
        /// The slices, of the first 64, whose checksum was right when they were read by this process.
        var verified: UInt64 = 0
        var freshUntilSeconds: UInt32
        var pages: UInt32
        var isComplete: Bool
        /// Hit since the eviction's hand has passed.
        var isMarked = false
    }

    private struct Shard {
        var records: [DiskIdentifier: Record] = [:]
        /// Verified slices from the 65th on, for the few objects that have them.
        var verifiedBeyond: [DiskIdentifier: Set<Int>] = [:]
        /// Removals that are on their way to the writer.
        var hidden: [DiskIdentifier: Int] = [:]
        let hits = Counter()
        let misses = Counter()
    }

    private static let shardCount = 64

    private let shards = (0..<DiskIndex.shardCount).map { _ in Guarded(Shard()) }
    /// Removals of everything that are on their way to the writer.
    private let hiddenAll = Atomic<Int>(0)
    private let pageBytes: Int

    init(pageBytes: Int) {
        self.pageBytes = pageBytes
    }

    private func shard(_ identifier: DiskIdentifier) -> Guarded<Shard> {
        shards[Int(truncatingIfNeeded: identifier.high) & (Self.shardCount - 1)]
    }

    // MARK: From any thread

    /// The entry, which is marked as used and counted as a hit or a miss.
    func lookup(_ identifier: DiskIdentifier) -> DiskEntry? {
        let isHidden = hiddenAll.load(ordering: .acquiring) > 0
        return shard(identifier).withLock { shard in
            guard !isHidden, shard.hidden[identifier] == nil, let record = shard.records[identifier] else {
                shard.misses.add()
                return nil
            }
            shard.hits.add()
            if !record.isMarked { shard.records[identifier]?.isMarked = true }
            return DiskEntry(
                identifier: identifier, version: record.version, fileBytes: Int(record.pages) * pageBytes,
                freshUntilWallSeconds: UInt64(record.freshUntilSeconds), isComplete: record.isComplete)
        }
    }

    func contains(_ identifier: DiskIdentifier) -> Bool { sequence(identifier) != nil }

    /// The number under which the object was stored; nil when it is not there.
    func sequence(_ identifier: DiskIdentifier) -> UInt64? {
        guard hiddenAll.load(ordering: .acquiring) == 0 else { return nil }
        return shard(identifier).withLock { shard in
            shard.hidden[identifier] == nil ? shard.records[identifier]?.sequence : nil
        }
    }

    /// Marks the object as used.
    func mark(_ identifier: DiskIdentifier) {
        shard(identifier).withLock { $0.records[identifier]?.isMarked = true }
    }

    /// From now on the object is not found. Paired with `unhide`.
    func hide(_ identifier: DiskIdentifier) {
        shard(identifier).withLock { $0.hidden[identifier, default: 0] += 1 }
    }

    func unhide(_ identifier: DiskIdentifier) {
        shard(identifier).withLock { shard in
            let count = shard.hidden[identifier] ?? 1
            shard.hidden[identifier] = count > 1 ? count - 1 : nil
        }
    }

    /// From now on nothing is found. Paired with `unhideAll`.
    func hideAll() { hiddenAll.add(1, ordering: .acquiringAndReleasing) }
    func unhideAll() { hiddenAll.subtract(1, ordering: .acquiringAndReleasing) }

    func isVerified(_ identifier: DiskIdentifier, sequence: UInt64, slice: Int) -> Bool {
        shard(identifier).withLock { shard in
            guard let record = shard.records[identifier], record.sequence == sequence else { return false }
            if slice < 64 { return record.verified >> UInt64(slice) & 1 == 1 }
            return shard.verifiedBeyond[identifier]?.contains(slice) ?? false
        }
    }

    func setVerified(_ identifier: DiskIdentifier, sequence: UInt64, slice: Int) {
        shard(identifier).withLock { shard in
            guard shard.records[identifier]?.sequence == sequence else { return }
            if slice < 64 {
                shard.records[identifier]?.verified |= 1 << UInt64(slice)
            } else {
                shard.verifiedBeyond[identifier, default: []].insert(slice)
            }
        }
    }

    var hits: Int { shards.reduce(0) { $0 + $1.withLock { $0.hits.value } } }
    var misses: Int { shards.reduce(0) { $0 + $1.withLock { $0.misses.value } } }

    // MARK: By the writing thread only

    /// Makes room for as many objects, so that the tables do not grow step by step while the index is loaded.
    func reserve(_ count: Int) {
        for shard in shards { shard.withLock { $0.records.reserveCapacity(count / Self.shardCount * 9 / 8) } }
    }

    func insert(_ identifier: DiskIdentifier, _ record: Record) {
        shard(identifier).withLock { $0.records[identifier] = record }
    }

    func remove(_ identifier: DiskIdentifier) -> Record? {
        shard(identifier).withLock { shard in
            shard.verifiedBeyond[identifier] = nil
            return shard.records.removeValue(forKey: identifier)
        }
    }

    /// Changes a record that is there with that sequence number; false when there is none.
    func update(_ identifier: DiskIdentifier, sequence: UInt64, _ change: (inout Record) -> Void) -> Bool {
        shard(identifier).withLock { shard in
            guard let place = shard.records.index(forKey: identifier), shard.records[place].value.sequence == sequence
            else { return false }
            change(&shard.records.values[place])
            return true
        }
    }

    /// How an object was used since the eviction's hand has passed; one that is stale counts as not used.
    func takeMark(_ identifier: DiskIdentifier, nowSeconds: UInt32) -> EvictionMark.Use {
        shard(identifier).withLock { shard in
            guard let record = shard.records[identifier], record.isMarked else {
                return EvictionMark.Use(hits: 0, tick: 0)
            }
            shard.records[identifier]?.isMarked = false
            return EvictionMark.Use(hits: record.freshUntilSeconds > nowSeconds ? 1 : 0, tick: 0)
        }
    }

    /// Takes everything out; returns the identifiers with their sequence numbers.
    func removeAll() -> [(DiskIdentifier, UInt64)] {
        shards.flatMap { shard in
            shard.withLock { shard in
                defer {
                    shard.records = [:]
                    shard.verifiedBeyond = [:]
                }
                return shard.records.map { ($0.key, $0.value.sequence) }
            }
        }
    }
}
