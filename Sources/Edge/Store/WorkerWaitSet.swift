// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The workers that want to be told of the next publication, a bit for each. Set by any worker, taken by the one that
/// publishes. A worker sets its bit and then looks once more, so no wake-up is lost.
struct WorkerWaitSet: ~Copyable {
    private let bits = Atomic<UInt64>(0)

    /// Asks that `worker` (0 to 63) be told of the next publication. Look at what is published again afterwards.
    func add(_ worker: Int) {
        bits.bitwiseOr(1 << UInt64(worker), ordering: .sequentiallyConsistent)
    }

    /// The workers to tell now; each is named once for each `add`.
    func take() -> UInt64 {
        bits.exchange(0, ordering: .sequentiallyConsistent)
    }
}
