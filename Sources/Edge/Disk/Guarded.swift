// SPDX-License-Identifier: Apache-2.0
//
// A value behind a lock, and a condition to wait for its change. It owns the lock, the condition and the value, and all
// three die with it; nobody may be waiting then. The disk tier's queues need the condition, which Synchronization.Mutex
// does not have, and ThreadSanitizer sees the locks of pthread.

import Glibc

/// A value that several threads use in turn.
///
/// `@unchecked Sendable` because the value is touched only with the lock held.
final class Guarded<Value>: @unchecked Sendable {
    private var value: Value
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>

    init(_ value: sending Value) {
        self.value = value
        lock = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        changed = .allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // A step of the wall clock must not make a wait longer.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        changed.deallocate()
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// Runs `body` with the lock held; it must be short and must not take another lock of this kind.
    @inline(__always)
    func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return try body(&value)
    }

    /// Waits until `body` returns a value, or until the clock of `Clock.monotonicMilliseconds` shows `deadline`. `body` is
    /// run at once, after each `signal`, and once more at the end. Nil when the time is over.
    func wait<Result>(untilMilliseconds deadline: Int64 = .max, for body: (inout Value) -> Result?) -> Result? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while true {
            if let result = body(&value) { return result }
            if deadline == .max {
                pthread_cond_wait(changed, lock)
                continue
            }
            var instant = timespec(tv_sec: Int(deadline / 1000), tv_nsec: Int(deadline % 1000) * 1_000_000)
            if pthread_cond_timedwait(changed, lock, &instant) == ETIMEDOUT { return body(&value) }
        }
    }

    /// Wakes one thread that waits, or all.
    func signal(all: Bool = false) {
        if all { pthread_cond_broadcast(changed) } else { pthread_cond_signal(changed) }
    }
}
