// SPDX-License-Identifier: Apache-2.0

import Net

/// A request that waits for an object's head or for more of its body, with a copy of what the answer
/// depends on. Made on a miss only. Belongs to the worker of its connection; `exchange` is nil once the client has left.
final class Reader {
    var exchange: Exchange?
    let object: CachedObject
    let request: StoredRequest
    /// This request's fill: an uncacheable response is for it alone.
    let isElector: Bool
    let disposition: Disposition
    let deadlineMilliseconds: Int64
    /// What the reader waits for while it stands in the worker's list: the object's head, or more of its body.
    var listedFor: ObjectIdentifier?

    init(
        exchange: Exchange, object: CachedObject, request: StoredRequest, isElector: Bool,
        disposition: Disposition, deadlineMilliseconds: Int64
    ) {
        self.exchange = exchange
        self.object = object
        self.request = request
        self.isElector = isElector
        self.disposition = disposition
        self.deadlineMilliseconds = deadlineMilliseconds
    }
}

/// The readers of one worker that wait for the same thing. Those whose client has left are swept out now and then.
struct WaiterList {
    var readers: [Reader] = []
    private var departedCount = 0

    /// One of the readers is not listed any more.
    mutating func departed() {
        departedCount += 1
        guard departedCount > 64, departedCount * 2 > readers.count else { return }
        readers.removeAll { $0.listedFor == nil }
        departedCount = 0
    }
}
