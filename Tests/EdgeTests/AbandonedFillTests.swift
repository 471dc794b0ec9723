// SPDX-License-Identifier: Apache-2.0

import Cache
import Synchronization
import Testing

@testable import Edge

/// The last reader leaves at the moment at which another comes: the fill is given up, or read on, but never both.
@Suite struct AbandonedFillTests {
    private let key = CacheKey(bytes: Array("/a".utf8), hashValue64: 1)
    private let purges: PurgeState
    private let tier: MemoryTier

    init() throws {
        purges = try PurgeState(folder: nil, rulesMax: 100)
        tier = MemoryTier(budgetBytes: 1 << 20, purges: purges)
    }

    /// The object that a request for the key is given, and whether it is a new one.
    private func obtain() -> (object: CachedObject?, isElected: Bool) {
        let obtained = tier.obtain(key, nowMilliseconds: 0) { variant in
            CachedObject(
                key: key, fillWorker: 0, memory: tier.memory, variant: variant, birth: purges.current)
        }
        guard case .elected(let object, _) = obtained else { return (obtained.object, false) }
        return (object, true)
    }

    private func leave(_ object: CachedObject) { object.readers.wrappingSubtract(1, ordering: .relaxed) }

    @Test func whoHasFoundAnObjectIsItsReader() throws {
        let object = try #require(obtain().object)
        #expect(!tier.abandon(object), "the one that was elected")
        let found = obtain()
        #expect(found.object === object && !found.isElected)
        leave(object)
        #expect(!tier.abandon(object), "the one that came second")
    }

    @Test func whatNobodyReadsIsNotFoundOnceItIsAbandoned() throws {
        let object = try #require(obtain().object)
        leave(object)
        #expect(tier.abandon(object))
        let isWithdrawn = object.isWithdrawn.load(ordering: .relaxed)
        #expect(isWithdrawn)
        let next = obtain()
        #expect(next.object !== object && next.isElected)
    }
}
