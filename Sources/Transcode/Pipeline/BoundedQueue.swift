// SPDX-License-Identifier: Apache-2.0

/// A queue of limited length between one producing and one consuming thread. Both block.
final class BoundedQueue<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isFinished = false
        var isAbandoned = false
    }

    private let monitor = Monitor(State())
    private let capacity: Int

    /// `capacity` is small: the elements are pictures.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Waits for room and adds an element; false when the consumer is gone.
    func push(_ element: Element) -> Bool {
        monitor.wait { [capacity] state in
            if state.isAbandoned { return false }
            guard state.elements.count < capacity else { return nil }
            state.elements.append(element)
            return true
        }
    }

    /// Waits for an element; nil when the producer has finished and all are taken, or when the queue was abandoned.
    func pop() -> Element? {
        monitor.wait { state -> Element?? in
            if state.isAbandoned { return .some(nil) }
            guard !state.elements.isEmpty else { return state.isFinished ? .some(nil) : nil }
            return state.elements.removeFirst()
        }
    }

    /// The producer adds no more.
    func finish() { monitor.use { $0.isFinished = true } }

    /// What is in the queue is dropped, and nothing more is taken; a waiting producer is let go.
    func abandon() {
        monitor.use { state in
            state.isAbandoned = true
            state.elements = []
        }
    }

    var isAbandoned: Bool { monitor.use { $0.isAbandoned } }
}
