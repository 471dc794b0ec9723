// SPDX-License-Identifier: Apache-2.0
//
// What of the cached objects goes to the disk tier, and what is asked of it. Shared by all workers: the tier guards
// itself. What was seen once and the records of variants have a lock that is taken when an object is stored, found on disk
// or invalidated, never by a hit. With it held things are only put into the tier's queues: so nothing that was judged
// good before an invalidation is written behind it.

import Base
import Cache
import Net
import Synchronization

/// The disk tier under the memory tier.
///
/// An object is written when it is asked for a second time: what is asked for once, which is most of a catalogue, costs the
/// disk nothing. The first time may have been so long ago that the object has left memory since.
final class DiskCache: Sendable {
    private struct State {
        var seen: GhostQueue
        var variants = DiskVariants()
    }

    /// Keys that are remembered as seen once.
    private static let seenMax = 200_000

    let tier: DiskTier
    /// Responses that stay fresh for less are not worth a write.
    private let freshMillisecondsMin: Int64
    private let state: Mutex<State>

    init(tier: DiskTier, budgetBytes: Int, freshSecondsMin: Int) {
        self.tier = tier
        freshMillisecondsMin = Int64(freshSecondsMin) * 1000
        // As much as the tier could hold: what was seen longer ago would not be there any more either.
        state = Mutex(State(seen: GhostQueue(bytesMax: budgetBytes, entriesMax: Self.seenMax)))
    }

    // MARK: Finding

    /// Under what the object's response may be on disk: its variant where it is known how responses of its key depend on
    /// requests, else the key itself, where that is said. Nil when there is nothing.
    func key(of object: CachedObject) -> [UInt8]? {
        let key = state.withLock { $0.variants.record(of: object.key) }
            .flatMap { record in
                object.variant == .independent ? nil : record.key(of: object.variant, under: object.key)
            }
        let found = key ?? object.key.bytes
        return tier.contains(found) ? found : nil
    }

    /// A record of variants was found under a key. Returns the one to go by.
    func learn(_ record: DiskVaryRecord, of key: CacheKey) -> DiskVaryRecord {
        state.withLock { $0.variants.learn(record, of: key) }
    }

    // MARK: Storing

    /// An object is whole in memory. Written when it was asked for again, or when an older one of its key is there.
    /// False when there was no room in the queue.
    func isWhole(_ object: CachedObject, nowMilliseconds: Int64) -> Bool {
        let fingerprint = object.key.hashValue64 ^ object.variant.stableHash
        let wasSeen = state.withLock { state in
            if state.seen.take(fingerprint) { return true }
            state.seen.insert(fingerprint, bytes: object.costBytes)
            return false
        }
        if wasSeen || key(of: object) != nil { object.isWanted.store(true, ordering: .relaxed) }
        guard object.isWanted.load(ordering: .relaxed) else { return true }
        return store(object, slices: nil, nowMilliseconds: nowMilliseconds)
    }

    /// Has the object written, or slices of it; quietly not when it is not to be kept. False when there was no room in the
    /// queue: then it may be tried again.
    @discardableResult
    func store(_ object: CachedObject, slices: Range<Int>?, nowMilliseconds now: Int64) -> Bool {
        guard let head = object.head, let body = object.stored, let length = body.length else { return true }
        guard head.freshUntilMilliseconds - now >= freshMillisecondsMin else {
            replaceOlder(object, head, length: length, nowMilliseconds: now)
            return true
        }
        let wall = Clock.wallMilliseconds()
        guard let record = DiskHead(object, head: head, nowMilliseconds: now, wallMilliseconds: wall) else {
            return true
        }
        return state.withLock { state in
            guard isUnpurged(object, head) else { return true }
            let freshUntil = wallSeconds(head.freshUntilMilliseconds, now)
            return tier.store(
                DiskWrite(
                    key: keyToStore(object, head, body, freshUntilWallSeconds: freshUntil, &state.variants),
                    head: record.bytes, version: Self.version(head, length: length), length: length, slices: slices,
                    freshUntilWallSeconds: freshUntil, body: body))
        }
    }

    /// A response that is not worth a write may have taken the place of one that is on disk and longer fresh: that must not
    /// come back when this one has left memory (RFC 9111 section 4, the most recent response is used).
    private func replaceOlder(
        _ object: CachedObject, _ head: ObjectHead, length: Int, nowMilliseconds: Int64
    ) {
        guard !object.isFromDisk.load(ordering: .relaxed), let key = key(of: object) else { return }
        if tier.lookup(key)?.version == Self.version(head, length: length) {
            refresh(object, nowMilliseconds: nowMilliseconds)
        } else {
            _ = tier.remove(key)
        }
    }

    /// Where the object's response is to lie. That of a variant is found by a record under the key, which is written
    /// with each: it may have left.
    private func keyToStore(
        _ object: CachedObject, _ head: ObjectHead, _ body: StoredBody, freshUntilWallSeconds: UInt64,
        _ variants: inout DiskVariants
    ) -> [UInt8] {
        guard let rule = head.vary else {
            variants.forget(object.key)
            return object.key.bytes
        }
        let record = variants.record(of: object.key, rule: rule)
        _ = tier.store(
            DiskWrite(
                key: object.key.bytes, head: record.bytes, version: record.epoch, length: 0, slices: nil,
                freshUntilWallSeconds: freshUntilWallSeconds, body: body))
        return record.key(of: object.variant, under: object.key)
    }

    /// A stored response has a newer head: what is on disk of it gets that too.
    func refresh(_ object: CachedObject, nowMilliseconds now: Int64) {
        guard let head = object.head, let length = object.stored?.length, let key = key(of: object),
            let record = DiskHead(
                object, head: head, nowMilliseconds: now, wallMilliseconds: Clock.wallMilliseconds())
        else { return }
        state.withLock { _ in
            guard isUnpurged(object, head) else { return }
            _ = tier.updateHead(
                key, head: record.bytes, version: Self.version(head, length: length),
                freshUntilWallSeconds: wallSeconds(head.freshUntilMilliseconds, now))
        }
    }

    /// What is stored under the key is not to be used again, whatever its variant. To be called when no object of it is good
    /// in memory any more.
    func invalidate(_ key: CacheKey) {
        state.withLock { state in
            state.variants.forget(key)
            _ = tier.remove(key.bytes)
        }
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

/// What of a body is on disk as well, and under what.
struct DiskCopy: Sendable {
    let key: [UInt8]
    let version: UInt64
    let slices: SliceSet
}
