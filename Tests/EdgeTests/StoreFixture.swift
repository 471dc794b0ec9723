// SPDX-License-Identifier: Apache-2.0

import Cache
import Net

@testable import Edge

/// What the tests of the store make objects and bodies with.
enum StoreFixture {
    static let memory = BodyMemory(limitBytes: 1 << 30)
    static let hasher = KeyHasher(seed: 1)

    /// Shared by all, so that objects can be made before their tier.
    static let purges: PurgeState = {
        guard let purges = try? PurgeState(folder: nil, rulesMax: 100) else {
            preconditionFailure("there is no file to fail")
        }
        return purges
    }()

    static let fresh = Storability.store(
        StoredFreshness(lifetimeMilliseconds: 1000, staleWhileRevalidateMilliseconds: 500))
}

/// A suite that uses them by short names.
protocol StoreSuite {}

extension StoreSuite {
    var memory: BodyMemory { StoreFixture.memory }
    var purges: PurgeState { StoreFixture.purges }
    var fresh: Storability { StoreFixture.fresh }

    func makeTier(_ budgetBytes: Int, policy: EvictionPolicy = .standard) -> MemoryTier {
        MemoryTier(budgetBytes: budgetBytes, policy: policy, purges: purges)
    }

    func key(_ path: String) -> CacheKey {
        let bytes = Array(path.utf8)
        return CacheKey(bytes: bytes, hashValue64: bytes.withUnsafeBytes { StoreFixture.hasher.hash($0) })
    }

    func head(_ storability: Storability, vary: VaryRule? = nil) -> ObjectHead {
        var facts = ObjectHead.Facts()
        facts.storability = storability
        facts.vary = vary
        return ObjectHead(status: 200, stored: [], sent: [], facts)
    }

    func counting(_ count: Int, by divisor: Int = 1) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 / divisor) }
    }

    /// A whole object of `count` bytes that count up from 0.
    func whole(
        _ path: String, _ count: Int, storability: Storability = StoreFixture.fresh,
        variant: VariantKey = .independent
    ) -> CachedObject {
        let object = CachedObject(
            key: key(path), fillWorker: 0, memory: memory, variant: variant, birth: purges.current)
        fill(object, count, storability: storability)
        return object
    }

    func fill(_ object: CachedObject, _ count: Int, storability: Storability = StoreFixture.fresh) {
        let body = StoredBody(length: count, capacityBytes: 1 << 20, memory: memory)
        object.publish(head: head(storability), body: body)
        counting(count).withUnsafeBytes { body.append($0) }
        body.complete()
    }

    func read(_ body: BodySource, from start: Int = 0) -> (bytes: [UInt8], end: String) {
        var bytes: [UInt8] = []
        while true {
            switch body.window(at: start + bytes.count) {
            case .bytes(let piece): bytes.append(contentsOf: piece)
            case .pending: return (bytes, "pending")
            case .end: return (bytes, "end")
            case .failed: return (bytes, "failed")
            }
        }
    }
}
