// SPDX-License-Identifier: Apache-2.0
//
// What of the cached objects goes to the disk tier, and what is asked of it. Shared by all workers: the tier guards
// itself, and the memory of what was seen once has a lock that is taken when an object is whole, never by a hit.

import Base
import Cache
import Net
import Synchronization

/// The disk tier under the memory tier.
///
/// An object is written when it is asked for a second time: what is asked for once, which is most of a catalogue, costs the
/// disk nothing. The first time may have been so long ago that the object has left memory since.
final class DiskCache: Sendable {
    /// Keys that are remembered as seen once.
    private static let seenMax = 200_000

    let tier: DiskTier
    /// Responses that stay fresh for less are not worth a write.
    private let freshMillisecondsMin: Int64
    private let seen: Mutex<GhostQueue>

    init(tier: DiskTier, budgetBytes: Int, freshSecondsMin: Int) {
        self.tier = tier
        freshMillisecondsMin = Int64(freshSecondsMin) * 1000
        // As much as the tier could hold: what was seen longer ago would not be there any more either.
        seen = Mutex(GhostQueue(bytesMax: budgetBytes, entriesMax: Self.seenMax))
    }

    /// Only responses that depend on no field of their request are kept on disk, under their key.
    func holds(_ object: CachedObject) -> Bool {
        object.variant == .independent && tier.contains(object.key.bytes)
    }

    /// An object is whole in memory. Written when it was asked for again, or when an older one of its key is there.
    /// False when there was no room in the queue.
    func isWhole(_ object: CachedObject, nowMilliseconds: Int64) -> Bool {
        guard object.variant == .independent else { return true }
        let wasSeen = seen.withLock { seen in
            if seen.take(object.key.hashValue64) { return true }
            seen.insert(object.key.hashValue64, bytes: object.costBytes)
            return false
        }
        if wasSeen || tier.contains(object.key.bytes) { object.isWanted.store(true, ordering: .relaxed) }
        guard object.isWanted.load(ordering: .relaxed) else { return true }
        return store(object, slices: nil, nowMilliseconds: nowMilliseconds)
    }

    /// Has the object written, or slices of it; quietly not when it is not to be kept. False when there was no room in the
    /// queue: then it may be tried again.
    @discardableResult
    func store(_ object: CachedObject, slices: Range<Int>?, nowMilliseconds now: Int64) -> Bool {
        guard object.variant == .independent, let head = object.head, let body = object.stored,
            let length = body.length, head.freshUntilMilliseconds - now >= freshMillisecondsMin,
            let record = DiskHead(
                object, head: head, nowMilliseconds: now, wallMilliseconds: Clock.wallMilliseconds()),
            isUnpurged(object, head)
        else { return true }
        return tier.store(
            DiskWrite(
                key: object.key.bytes, head: record.bytes, version: Self.version(head, length: length),
                length: length, slices: slices, freshUntilWallSeconds: wallSeconds(head.freshUntilMilliseconds, now),
                body: body))
    }

    /// A stored response has a newer head: what is on disk of it gets that too.
    func refresh(_ object: CachedObject, nowMilliseconds now: Int64) {
        guard let head = object.head, let length = object.stored?.length, holds(object),
            let record = DiskHead(
                object, head: head, nowMilliseconds: now, wallMilliseconds: Clock.wallMilliseconds()),
            isUnpurged(object, head)
        else { return }
        tier.updateHead(
            object.key.bytes, head: record.bytes, version: Self.version(head, length: length),
            freshUntilWallSeconds: wallSeconds(head.freshUntilMilliseconds, now))
    }

    /// No purge and no invalidation has touched the object. To be asked after its record was made: that says up to which
    /// purge the object was judged, and nothing of how, so that the disk would bring it back as if none had been.
    private func isUnpurged(_ object: CachedObject, _ head: ObjectHead) -> Bool {
        !object.isWithdrawn.load(ordering: .relaxed) && object.freshUntilMilliseconds >= head.freshUntilMilliseconds
    }

    private func wallSeconds(_ milliseconds: Int64, _ now: Int64) -> UInt64 {
        UInt64(max(0, (Clock.wallMilliseconds() + milliseconds - now) / 1000))
    }

    /// Slices of the same version may be put together: the same bytes by a strong validator, or else the same arrival.
    static func version(_ head: ObjectHead, length: Int) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ bytes: some Sequence<UInt8>) {
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        add(head.etag)
        add(head.validators.lastModified)
        add("\(length)".utf8)
        if ConditionalRequest.ifRange(head.validators) == nil { add("\(head.storedMilliseconds)".utf8) }
        return hash
    }
}

/// What of a body is on disk as well.
struct DiskCopy: Sendable {
    let version: UInt64
    let slices: SliceSet
}
