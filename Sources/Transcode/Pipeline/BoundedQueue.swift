// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A queue of limited length between one producing and one consuming thread. Both block.
final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
    // `@unchecked`: every access to the state below holds the mutex.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let capacity: Int
    private var elements: [Element] = []
    private var isFinished = false
    private var isAbandoned = false

    /// `capacity` is small: the elements are pictures.
    init(capacity: Int) {
        self.capacity = capacity
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Waits for room and adds an element; false when the consumer is gone.
    func push(_ element: Element) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while elements.count >= capacity, !isAbandoned { pthread_cond_wait(changed, mutex) }
        guard !isAbandoned else { return false }
        elements.append(element)
        pthread_cond_broadcast(changed)
        return true
    }

    /// Waits for an element; nil when the producer has finished and all are taken.
    func pop() -> Element? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while elements.isEmpty, !isFinished { pthread_cond_wait(changed, mutex) }
        guard !elements.isEmpty else { return nil }
        let element = elements.removeFirst()
        pthread_cond_broadcast(changed)
        return element
    }

    /// The producer adds no more.
    func finish() { set(\.isFinished) }

    /// The consumer takes no more; a waiting producer is let go.
    func abandon() { set(\.isAbandoned) }

    private func set(_ flag: ReferenceWritableKeyPath<BoundedQueue, Bool>) {
        pthread_mutex_lock(mutex)
        self[keyPath: flag] = true
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }
}
