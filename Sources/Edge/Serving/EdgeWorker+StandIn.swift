// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Synchronization

/// Stale responses in the place of an upstream that fails (RFC 5861 section 4).
extension EdgeWorker {
    /// The stored response may be used although upstream did not say that it is good, and all of it can be had.
    func mayStandIn(_ base: CachedObject) -> Bool {
        guard base.phase == .ready, !base.isInvalidated.load(ordering: .relaxed), let freshness = base.head?.freshness,
            let stored = base.head?.storedMilliseconds, base.stored?.isWithinReach == true
        else { return false }
        return freshness.mayServeStaleOnError(residentMilliseconds: loop.now - stored)
    }

    /// Upstream is not asked again by each request of the next second. A response that was on disk alone is in memory from
    /// now on.
    func holdStandIn(_ base: CachedObject) {
        base.heldUntilMilliseconds.store(loop.now + settings.standInMilliseconds, ordering: .relaxed)
        // A variant would have to be settled among others: it is found on the disk again.
        if base.isFromDisk.load(ordering: .relaxed), base.variant == .independent { tier.admit(base) }
    }

    /// Every server is known to be down: the stale response is used at once, and one request finds out whether that is
    /// still so. False where there is none, or a server is up.
    func standInAtOnce(_ exchange: Exchange, _ object: CachedObject, _ base: CachedObject, _ request: StoredRequest)
        -> Bool
    {
        guard !request.site.router.hasServerUp, mayStandIn(base) else { return false }
        counters.staleOnError.add()
        base.isRevalidating.store(true, ordering: .relaxed)
        holdStandIn(base)
        start(Fill(object: object, for: .shared(base: base), request: request, worker: self))
        answer(exchange, from: base, request, .staleOnError)
        return true
    }

    /// A stored response for a reader who gets no other; nil when there is none, or the request was for something else.
    func standIn(for reader: Reader) -> CachedObject? {
        guard reader.request.method == .get || reader.request.method == .head else { return nil }
        return tier.storedOrReplaced(reader.object.key).last { object in
            isSelected(object, by: reader.request) && mayStandIn(object)
                && tier.judge(object, nowMilliseconds: loop.now)
        }
    }
}
