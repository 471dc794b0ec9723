// SPDX-License-Identifier: Apache-2.0

import Cache

/// A tier without bodies: the edge's own `EvictionQueue` and marks, used as the edge uses them.
struct SimulatedTier {
    private final class Object {
        let fingerprint: UInt64
        let chargedBytes: Int
        let mark = EvictionMark()
        /// Nil while it is not in the tier.
        var handle: EvictionQueue<Object>.Handle?

        init(fingerprint: UInt64, chargedBytes: Int) {
            self.fingerprint = fingerprint
            self.chargedBytes = chargedBytes
        }
    }

    private let objects: [Object]
    private var queue: EvictionQueue<Object>

    /// `overheadBytes` is what an object takes beside its body.
    init(_ trace: Trace, policy: EvictionPolicy, budgetBytes: Int, overheadBytes: Int) {
        objects = trace.objectBytes.enumerated().map {
            Object(fingerprint: UInt64($0.offset), chargedBytes: $0.element + overheadBytes)
        }
        queue = EvictionQueue(policy: policy, budgetBytes: budgetBytes)
    }

    /// The bytes of what it holds.
    var bytes: Int { queue.bytes }

    func contains(_ object: Int) -> Bool { objects[object].handle != nil }

    /// Whether the object is there; then that is a hit.
    func find(_ object: Int, tick: UInt64) -> Bool {
        guard objects[object].handle != nil else { return false }
        objects[object].mark.hit(tick: tick)
        return true
    }

    /// Takes an object in that is not there. One that is larger than the budget stays out.
    mutating func store(_ object: Int, tick: UInt64) {
        let object = objects[object]
        guard object.chargedBytes <= queue.budgetBytes else { return }
        while queue.bytes + object.chargedBytes > queue.budgetBytes {
            guard let victim = queue.evict(takeMark: { $0.mark.take() }) else { break }
            victim.handle = nil
            // When it comes again it is a new one.
            _ = victim.mark.take()
        }
        object.handle = queue.insert(
            object, bytes: object.chargedBytes, fingerprint: object.fingerprint, tick: tick)
    }
}
