// SPDX-License-Identifier: Apache-2.0

import Net

/// A request that waits for an object's head or for more of its body, with copies of what the answer
/// depends on. Made on a miss only. Belongs to the worker of its connection; `exchange` is nil once the client has left.
final class Reader {
    var exchange: Exchange?
    let object: CachedObject
    let conditions: StoredConditions
    /// This request's fill: an uncacheable response is for it alone.
    let isElector: Bool
    let disposition: Disposition
    let deadlineMilliseconds: Int64
    /// True while the reader stands in the worker's list of waiters.
    var isListed = false

    init(
        exchange: Exchange, object: CachedObject, conditions: StoredConditions, isElector: Bool,
        disposition: Disposition, deadlineMilliseconds: Int64
    ) {
        self.exchange = exchange
        self.object = object
        self.conditions = conditions
        self.isElector = isElector
        self.disposition = disposition
        self.deadlineMilliseconds = deadlineMilliseconds
    }
}

/// The readers of one worker that wait for the same object. Those whose client has left are swept out now and then.
struct WaiterList {
    var readers: [Reader] = []
    private var departedCount = 0

    /// One of the readers is not listed any more.
    mutating func departed() {
        departedCount += 1
        guard departedCount > 64, departedCount * 2 > readers.count else { return }
        readers.removeAll { !$0.isListed }
        departedCount = 0
    }
}

/// How a request was answered, for Cache-Status, the counters and the log.
enum Disposition: Int, CaseIterable {
    case hit, staleHit, miss, collapsed, pass, bypass, rejected, error, preflight

    /// RFC 9211 parameters behind the cache's name.
    var parameters: String {
        switch self {
        case .hit: "hit"
        case .staleHit: "hit; detail=stale-while-revalidate"
        case .miss: "fwd=miss; stored"
        case .collapsed: "fwd=miss; collapsed"
        case .pass: "fwd=miss"
        case .bypass: "fwd=bypass"
        case .rejected, .preflight: ""
        case .error: "fwd=miss; detail=upstream-failed"
        }
    }

    var name: String {
        switch self {
        case .hit: "hit"
        case .staleHit: "stale"
        case .miss: "miss"
        case .collapsed: "collapsed"
        case .pass: "pass"
        case .bypass: "bypass"
        case .rejected: "rejected"
        case .error: "error"
        case .preflight: "preflight"
        }
    }
}
