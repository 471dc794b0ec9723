// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A number that any thread may add to. For events that are rare beside requests; see `Counter` for the others.
public final class SharedCounter: Sendable {
    private let storage = Atomic<Int>(0)

    public init() {}

    /// Adds `amount`, negative for a gauge that falls.
    public func add(_ amount: Int = 1) {
        storage.wrappingAdd(amount, ordering: .relaxed)
    }

    public var value: Int { storage.load(ordering: .relaxed) }
}
