// SPDX-License-Identifier: Apache-2.0

/// Lets so many run at once and has the others wait, served in turn by class. Pure: events go in, who runs comes out.
///
/// Each class with someone waiting has one place in a ring, and each turn takes its oldest (Nagle, RFC 970, 1985): a
/// class with a thousand waiting delays another one by one turn, not by a thousand. When the room is full, a newcomer
/// of a smaller class takes the place of the newest of the largest one (McKenney, "Stochastic Fairness Queueing", 1990),
/// so that one class can not shut the others out either.
struct FairQueue<Element> {
    enum Admission {
        /// It runs now; tell of its end by `leave`.
        case runs
        /// It waits; `displaced` had to go for it.
        case waits(displaced: Element?)
        /// There is no room.
        case refused
    }

    private struct Waiting {
        var element: Element
        var deadlineMilliseconds: Int64
    }

    var runningMax: Int
    var waitingMax: Int
    private(set) var runningCount = 0
    private(set) var waitingCount = 0
    /// Those who wait, oldest first; no class is empty.
    private var classes: [UInt64: [Waiting]] = [:]
    /// The classes in the order of their turns.
    private var ring: [UInt64] = []

    init(runningMax: Int, waitingMax: Int) {
        precondition(runningMax >= 1 && waitingMax >= 0)
        self.runningMax = runningMax
        self.waitingMax = waitingMax
    }

    /// `element` of a class asks to run. It waits until `deadlineMilliseconds` at most; see `expire`.
    mutating func enter(_ element: Element, class key: UInt64, deadlineMilliseconds: Int64) -> Admission {
        if runningCount < runningMax, waitingCount == 0 {
            runningCount += 1
            return .runs
        }
        var displaced: Element?
        if waitingCount >= waitingMax {
            displaced = makeRoom(for: key)
            if displaced == nil { return .refused }
        }
        if classes[key] == nil { ring.append(key) }
        classes[key, default: []].append(Waiting(element: element, deadlineMilliseconds: deadlineMilliseconds))
        waitingCount += 1
        return .waits(displaced: displaced)
    }

    /// One that ran has ended.
    mutating func leave() {
        precondition(runningCount > 0, "who leaves has run")
        runningCount -= 1
    }

    /// The next one to run, while there is room for it; call until nil after `leave`, or after `runningMax` has grown.
    mutating func next() -> Element? {
        guard runningCount < runningMax, !ring.isEmpty else { return nil }
        let key = ring.removeFirst()
        guard var waiting = classes[key] else { return nil }
        let first = waiting.removeFirst()
        classes[key] = waiting.isEmpty ? nil : waiting
        if !waiting.isEmpty { ring.append(key) }
        waitingCount -= 1
        runningCount += 1
        return first.element
    }

    /// Takes out those who wait and match; they are not to run any more.
    mutating func remove(where matches: (Element) -> Bool) {
        _ = take { matches($0.element) }
    }

    /// Takes out those who have waited for too long.
    mutating func expire(nowMilliseconds: Int64) -> [Element] {
        take { $0.deadlineMilliseconds <= nowMilliseconds }
    }

    private mutating func take(where matches: (Waiting) -> Bool) -> [Element] {
        var taken: [Element] = []
        guard waitingCount > 0 else { return taken }
        for key in ring {
            guard let waiting = classes[key] else { continue }
            let kept = waiting.filter { !matches($0) }
            guard kept.count < waiting.count else { continue }
            taken += waiting.filter(matches).map(\.element)
            classes[key] = kept.isEmpty ? nil : kept
        }
        guard !taken.isEmpty else { return taken }
        waitingCount -= taken.count
        ring.removeAll { classes[$0] == nil }
        return taken
    }

    /// The newest of the largest class, when that is larger than `key`'s would become.
    private mutating func makeRoom(for key: UInt64) -> Element? {
        var largest: (key: UInt64, count: Int)?
        for candidate in ring where (classes[candidate]?.count ?? 0) > largest?.count ?? 0 {
            largest = (candidate, classes[candidate]?.count ?? 0)
        }
        guard let largest, largest.count > (classes[key]?.count ?? 0) + 1 else { return nil }
        let displaced = classes[largest.key]?.removeLast()
        waitingCount -= 1
        return displaced?.element
    }
}
