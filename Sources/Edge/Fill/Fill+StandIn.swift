// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Synchronization

/// A stale response in the place of a failure (RFC 5861 section 4).
extension Fill {
    /// Upstream has failed: the stale response stands in, where it may (RFC 5861 section 4). False when there is none.
    func standIn(_ outcome: FillOutcome) -> Bool {
        guard object.phase == .waitingForHead, outcome != .refused, let base, standIn(for: base) else { return false }
        worker.counters.staleOnError.add()
        return true
    }

    func standIn(for base: CachedObject) -> Bool {
        guard worker.mayStandIn(base), let head = base.head, let body = base.stored else { return false }
        object.isStandIn.store(true, ordering: .relaxed)
        worker.tier.withdraw(object)
        object.publish(head: head, body: body)
        worker.holdStandIn(base)
        return true
    }

    func finishInPlaceOf(_ response: UpstreamResponse) {
        Log.warning("A stale response stands in", ["key": object.key.text, "status": "\(response.status)"])
        sink = .nowhere
        releaseBase()
        worker.notify(object)
        worker.forget(self)
    }

    /// The body has broken off: the response whose place its object has taken gets that back, and stands in where it may. Else
    /// an upstream that dies in mid-body would take from clients what one that does not answer leaves them.
    func giveBackPlace() {
        guard object.phase == .ready, let again = worker.tier.giveBack(object), worker.mayStandIn(again) else { return }
        worker.holdStandIn(again)
    }
}
