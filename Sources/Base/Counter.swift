// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// A number with one writing thread and any number of readers: counting costs no locked instruction.
///
/// Two threads that add to the same counter lose counts; give each its own and let the reader sum.
public final class Counter: Sendable {
    @usableFromInline let storage = Atomic<Int>(0)

    public init() {}

    /// Adds `amount`, negative for a gauge that falls. Only the owning thread may call this.
    @inlinable
    public func add(_ amount: Int = 1) {
        storage.store(storage.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Makes a gauge of it: the value is counted elsewhere. Only the owning thread may call this.
    @inlinable
    public func set(_ value: Int) {
        storage.store(value, ordering: .relaxed)
    }

    /// The present value; from any thread.
    @inlinable
    public var value: Int { storage.load(ordering: .relaxed) }
}
