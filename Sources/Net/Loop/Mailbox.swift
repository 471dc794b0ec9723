// SPDX-License-Identifier: Apache-2.0
//
// The one way into a loop's thread from another thread. The queue is guarded by a mutex that is held for
// an append or a swap only; the eventfd is signalled when the queue turns non-empty, so a burst of posts
// costs one system call. The mailbox lives as long as its loop.

import CLinux
import Synchronization

/// Work for another thread's loop.
public final class Mailbox: Sendable {
    private let queue = Mutex<[@Sendable () -> Void]>([])
    let wakeDescriptor: Int32

    init() throws {
        wakeDescriptor = spw_eventfd()
        guard wakeDescriptor >= 0 else { throw SocketError(operation: "eventfd", code: -wakeDescriptor) }
    }

    deinit {
        _ = spw_close(wakeDescriptor)
    }

    /// Runs `work` on the loop's thread, in the order of the posts. May be called from any thread.
    public func post(_ work: @escaping @Sendable () -> Void) {
        let wasEmpty = queue.withLock { pending in
            pending.append(work)
            return pending.count == 1
        }
        if wasEmpty { _ = spw_eventfd_signal(wakeDescriptor) }
    }

    func takeAll() -> [@Sendable () -> Void] {
        _ = spw_eventfd_drain(wakeDescriptor)
        return queue.withLock { pending in
            let work = pending
            pending = []
            return work
        }
    }
}
