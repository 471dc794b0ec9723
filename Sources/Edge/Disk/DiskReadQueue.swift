// SPDX-License-Identifier: Apache-2.0
//
// What waits for the reading threads. Any thread adds, each reading thread takes one at a time; a lock guards both.

import Base

/// A read that was asked for.
struct DiskRead: Sendable {
    let identifier: DiskIdentifier
    let key: [UInt8]
    /// Nil for all.
    let slices: Range<Int>?
    let receiver: any DiskReceiver
}

/// The queue before the reading threads: a ring of a fixed size.
final class DiskReadQueue: Sendable {
    private struct State {
        var ring: [DiskRead?]
        var first = 0
        var count = 0
        var isStopping = false
    }

    let refusals = Counter()
    private let state: Guarded<State>

    init(capacity: Int) {
        state = Guarded(State(ring: [DiskRead?](repeating: nil, count: max(1, capacity))))
    }

    /// False when there is no room, or the tier closes.
    func add(_ read: DiskRead) -> Bool {
        let isAdded = state.withLock { state in
            guard !state.isStopping, state.count < state.ring.count else {
                refusals.add()
                return false
            }
            state.ring[(state.first + state.count) % state.ring.count] = read
            state.count += 1
            return true
        }
        if isAdded { state.signal() }
        return isAdded
    }

    /// Waits for a read; nil when the tier closes.
    func next() -> DiskRead? {
        let next: DiskRead?? = state.wait { state in
            if state.isStopping { return .some(nil) }
            guard state.count > 0 else { return nil }
            let read = state.ring[state.first]
            state.ring[state.first] = nil
            state.first = (state.first + 1) % state.ring.count
            state.count -= 1
            return .some(read)
        }
        return next ?? nil
    }

    /// Nothing is added or given out from now on; returns what was waiting.
    func stop() -> [DiskRead] {
        let rest = state.withLock { state in
            let rest = state.ring.compactMap { $0 }
            state = State(ring: [nil], isStopping: true)
            return rest
        }
        state.signal(all: true)
        return rest
    }
}
