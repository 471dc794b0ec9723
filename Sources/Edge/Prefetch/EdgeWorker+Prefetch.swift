// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Synchronization

/// Fetching ahead: what follows a segment that a client takes is fetched in the background, by a fill that nobody waits
/// for. A client that comes meanwhile is a reader like any other. It is no hit and no miss, and what is fetched does not
/// lead to what follows it before a client takes it.
extension EdgeWorker {
    /// Until what is not known yet is looked for again: the next segment of a live stream, or room.
    private static let lookAgainMilliseconds: Int64 = 2000
    /// Until a playlist is read again, should it have been forgotten.
    private static let readAgainMilliseconds: Int64 = 600_000

    /// A client takes the object: a load and a comparison, but for its first use.
    @inline(__always)
    func lookAhead(from object: CachedObject, _ site: Site, authority: UnsafeRawBufferPointer) {
        guard loop.now >= object.lookAheadMilliseconds.load(ordering: .relaxed), settings.prefetch.isEnabled else {
            return
        }
        look(from: object, site, authority)
    }

    private func look(from object: CachedObject, _ site: Site, _ authority: UnsafeRawBufferPointer) {
        object.lookAheadMilliseconds.store(loop.now + Self.lookAgainMilliseconds, ordering: .relaxed)
        _ = takesPrefetch(object)
        if object.phase == .ready, object.head?.isPlaylist == true {
            guard playlists.note(object) else { return }
            object.lookAheadMilliseconds.store(loop.now + Self.readAgainMilliseconds, ordering: .relaxed)
            return
        }
        guard let following = playlists.following(object.key, count: settings.prefetch.segmentsAhead) else { return }
        if !following.mayGrow { object.lookAheadMilliseconds.store(.max, ordering: .relaxed) }
        prefetch(following.paths, site, authority, from: object)
    }

    /// True when a client takes for the first time what was fetched ahead.
    func takesPrefetch(_ object: CachedObject) -> Bool {
        guard object.isUnusedPrefetch.load(ordering: .relaxed),
            object.isUnusedPrefetch.exchange(false, ordering: .relaxed)
        else { return false }
        counters.prefetchesUsed.add()
        return true
    }

    /// An object is whole; if it is a playlist, it tells what follows its segments.
    func notePlaylist(_ object: CachedObject) {
        if settings.prefetch.isEnabled, object.head?.isPlaylist == true { _ = playlists.note(object) }
    }

    /// A player says what it will ask for next. Only what lies in the folder of its request is fetched: that is what its
    /// token has just opened.
    func take(
        hint reference: [UInt8]?, path: UnsafeRawBufferPointer, _ site: Site, authority: UnsafeRawBufferPointer
    ) {
        guard settings.prefetch.isEnabled, let reference else { return }
        let base = Array(path)
        guard let target = PlainPath.resolve(reference, from: base), PlainPath.areSiblings(base, target) else {
            counters.prefetchesSkipped(.foreign).add()
            return
        }
        prefetch([target], site, authority)
    }

    /// Begins when the present call has returned: the client's own answer goes first. Where there is no room, `object` is
    /// looked at again at a later use.
    private func prefetch(
        _ paths: [[UInt8]], _ site: Site, _ authority: UnsafeRawBufferPointer, from object: CachedObject? = nil
    ) {
        guard !paths.isEmpty else { return }
        let authority = Array(authority)
        loop.mailbox.post { [self] in
            for path in paths where !prefetch(path, site, authority) {
                object?.lookAheadMilliseconds.store(loop.now + Self.lookAgainMilliseconds, ordering: .relaxed)
            }
        }
    }

    /// False when there is no room for it.
    private func prefetch(_ path: [UInt8], _ site: Site, _ authority: [UInt8]) -> Bool {
        if let reason = lackOfRoom(site.router) {
            counters.prefetchesSkipped(reason).add()
            return false
        }
        let key = siteKey(path, site, authority)
        // The disk is near enough.
        if let disk, disk.tier.contains(key.bytes) {
            counters.prefetchesSkipped(.present).add()
            return true
        }
        let obtained = tier.obtain(
            key, nowMilliseconds: loop.now, select: { $0.key(of: []) }, make: { makeObjectAhead(key, variant: $0) })
        defer { if let object = obtained.object { release(object) } }
        switch obtained {
        case .elected(let object, let base): startAhead(object, base: base, site, authority)
        case .stale(let base, .some(let object)): startAhead(object, base: base, site, authority)
        case .existing, .stale(_, .none): counters.prefetchesSkipped(.present).add()
        case .unelected, .uncacheable, .notCached: counters.prefetchesSkipped(.uncacheable).add()
        }
        return true
    }

    private func makeObjectAhead(_ key: CacheKey, variant: VariantKey) -> CachedObject {
        let object = makeObject(key, variant: variant)
        object.isUnusedPrefetch.store(true, ordering: .relaxed)
        return object
    }

    private func startAhead(_ object: CachedObject, base: CachedObject?, _ site: Site, _ authority: [UInt8]) {
        counters.prefetches.add()
        prefetchCount += 1
        // The request of no client: nothing but the host that was asked.
        let request = StoredRequest(authority: authority, site: site)
        start(Fill(object: object, for: .shared(base: base), request: request, worker: self, isAhead: true))
    }

    /// Why nothing is to be fetched ahead now; nil when there is room. Clients' own misses go first.
    private func lackOfRoom(_ router: UpstreamRouter) -> PrefetchSkip? {
        if prefetchCount >= settings.prefetch.concurrentMax || router.isBusy || !router.hasServerUp { return .busy }
        let room = tier.memory.limitBytes / 100 * settings.prefetch.memoryPercentMax
        return tier.memory.usedBytes > room ? .memory : nil
    }
}
