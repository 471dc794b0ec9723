// SPDX-License-Identifier: Apache-2.0
//
// A thread that only sleeps and posts. The work itself runs on the loop's thread; the flag is all that both touch.

import Foundation
import Net
import Synchronization

/// Runs something on a loop's thread every two milliseconds until it is stopped.
final class Pulse: Sendable {
    private let isStopped = Atomic<Bool>(false)

    /// `work` is called on the loop's thread only, which is that of the caller.
    init(_ mailbox: Mailbox, _ work: @escaping () -> Void) {
        nonisolated(unsafe) let work = work
        Thread.detachNewThread { [self] in
            while !isStopped.load(ordering: .relaxed) {
                usleep(2000)
                mailbox.post { [self] in
                    if !isStopped.load(ordering: .relaxed) { work() }
                }
            }
        }
    }

    func stop() { isStopped.store(true, ordering: .relaxed) }
}
