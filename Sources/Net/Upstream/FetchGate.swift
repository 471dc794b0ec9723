// SPDX-License-Identifier: Apache-2.0
//
// How many fetches one loop makes at once, over all its servers. Belongs to the loop's thread; the pools that share it
// hold it, and a fetch that waits in it holds its pool.

/// The limit of fetches at once that the pools of a loop share. See the head of the file.
public final class FetchGate {
    var queue: FairQueue<PendingFetch>
    private let loop: EventLoop

    public init(loop: EventLoop, limits: UpstreamLimits) {
        self.loop = loop
        queue = FairQueue(runningMax: limits.fetchesMax, waitingMax: limits.waitingMax)
    }

    /// Fetches that run now, and that wait for others to end.
    public var runningCount: Int { queue.runningCount }
    public var waitingCount: Int { queue.waitingCount }

    /// Takes other limits; those that run go on.
    public func apply(_ limits: UpstreamLimits) {
        queue.runningMax = limits.fetchesMax
        queue.waitingMax = limits.waitingMax
        admit()
    }

    /// Call about ten times a second: gives up fetches that have waited for too long.
    public func turn() {
        for fetch in queue.expire(nowMilliseconds: loop.now) { fetch.pool.refuse(fetch) }
    }

    func enter(_ fetch: PendingFetch) {
        let admission = queue.enter(
            fetch, class: fetch.fairness, deadlineMilliseconds: fetch.deadlineMilliseconds)
        switch admission {
        case .runs: fetch.pool.dispatch(fetch)
        case .waits(let displaced): if let displaced { displaced.pool.refuse(displaced) }
        case .refused: fetch.pool.refuse(fetch)
        }
    }

    /// Takes out a fetch that waits here; nil when it does not.
    func remove(_ ticket: UpstreamTicket, of pool: UpstreamPool) -> PendingFetch? {
        var found: PendingFetch?
        queue.remove { fetch in
            guard fetch.ticket == ticket, fetch.pool === pool else { return false }
            found = fetch
            return true
        }
        return found
    }

    func leave() {
        queue.leave()
        admit()
    }

    private func admit() {
        while let fetch = queue.next() { fetch.pool.dispatch(fetch) }
    }
}

/// A request on its way through the queues to a connection.
final class PendingFetch {
    let ticket: UpstreamTicket
    let request: UpstreamRequest
    let handler: UpstreamHandler
    let fairness: UInt64
    let deadlineMilliseconds: Int64
    let pool: UpstreamPool
    var isCancelled = false
    /// What it has to give back.
    var holdsConnection = false
    var holdsGate = false

    init(
        ticket: UpstreamTicket, request: UpstreamRequest, handler: UpstreamHandler, fairness: UInt64,
        deadlineMilliseconds: Int64, pool: UpstreamPool
    ) {
        self.ticket = ticket
        self.request = request
        self.handler = handler
        self.fairness = fairness
        self.deadlineMilliseconds = deadlineMilliseconds
        self.pool = pool
    }
}
