// SPDX-License-Identifier: Apache-2.0
//
// A part of the element that it marks, and lives as long. Hits write it from any thread, without a lock; evictions read
// and clear it under the lock of their queue. Nothing else is published by it, so all is relaxed: of two hits at once one
// may be lost, which costs no more than a worse choice.

import Synchronization

/// What hits leave on a cached element for the eviction that looks at it next: how many there were, up to three, and when
/// the last one was. The same for every policy, so that a hit does not ask which one is in force.
///
/// An element that is hit all the time is written once a tick, and after each look of an eviction: its cache line stays
/// shared by all cores.
public struct EvictionMark: ~Copyable, Sendable {
    /// What a look finds.
    public struct Use: Sendable, Equatable {
        /// Hits since the look before, 0 to 3.
        public var hits: UInt8
        /// The tick of the latest hit; 0 when there was none ever.
        public var tick: UInt64

        public init(hits: UInt8, tick: UInt64) {
            self.hits = hits
            self.tick = tick
        }
    }

    /// Hits are counted up to this.
    public static let hitsMax: UInt8 = 3
    private static let hitsMask: UInt64 = 3
    private static let hitsBits: UInt64 = 2
    /// Binary logarithm of a tick in milliseconds: 128 ms.
    private static let tickBits: UInt64 = 7

    /// The tick above, the hits in the low bits.
    private let word = Atomic<UInt64>(0)

    public init() {}

    /// The tick of a time by any clock that starts at zero or above and never goes back.
    @inline(__always)
    public static func tick(milliseconds: Int64) -> UInt64 {
        UInt64(max(0, milliseconds)) >> tickBits
    }

    /// Notes a hit. From any thread; no lock, and mostly no write.
    @inline(__always)
    public func hit(tick: UInt64) {
        let old = word.load(ordering: .relaxed)
        let new = tick << Self.hitsBits | min(old & Self.hitsMask + 1, Self.hitsMask)
        if new != old { word.store(new, ordering: .relaxed) }
    }

    /// Tells of the hits since the last time, and forgets them.
    @inline(__always)
    public func take() -> Use {
        let old = word.bitwiseAnd(~Self.hitsMask, ordering: .relaxed).oldValue
        return Use(hits: UInt8(old & Self.hitsMask), tick: old >> Self.hitsBits)
    }
}
