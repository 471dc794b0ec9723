// SPDX-License-Identifier: Apache-2.0

import Cache
import Net
import Synchronization
import Testing

@testable import Edge

/// After a 304 two objects have one body.
@Suite struct SharedBodyTests: StoreSuite {
    private func pair(_ tier: MemoryTier) -> (older: CachedObject, newer: CachedObject, body: StoredBody) {
        let body = StoredBody(piecesOf: 2 * StoredBody.sliceBytes, memory: memory)
        let objects = (0..<2).map { _ in
            CachedObject(key: key("/shared"), fillWorker: 0, memory: memory, birth: purges.current)
        }
        for object in objects {
            object.publish(head: head(fresh), body: body)
            tier.admit(object)
        }
        body.isShared.store(true, ordering: .relaxed)
        return (objects[0], objects[1], body)
    }

    @Test func theOneThatIsStoredIsChargedForWhatReadersOfTheOtherFetch() throws {
        let tier = makeTier(10 << 20)
        let (older, newer, body) = pair(tier)
        let before = tier.usage.bytes
        let run = try #require(body.claim(from: 0, to: 1))
        counting(StoredBody.sliceBytes).withUnsafeBytes { body.write($0, at: 0, in: run) }
        tier.recharge(older)
        #expect(tier.usage.bytes == before + StoredBody.sliceBytes)
        #expect(tier.usage.bytes == newer.costBytes)
    }

    @Test func bothLeaveWhenTheBodyCanNotBecomeWhole() {
        let tier = makeTier(10 << 20)
        let (older, newer, body) = pair(tier)
        older.fail(.died)
        tier.withdraw(older)
        tier.withdraw(body, of: older.key)
        let isGone = newer.isWithdrawn.load(ordering: .relaxed)
        #expect(isGone)
        #expect(tier.usage.bytes == 0 && tier.usage.objects == 0)
    }

    @Test func publishedBytesAreNotGivenToAnotherWriter() throws {
        let body = StoredBody(piecesOf: StoredBody.sliceBytes, memory: memory)
        let run = try #require(body.claim(from: 0, to: 1))
        #expect(body.reserve(slice: 0, count: StoredBody.sliceBytes) != nil)
        counting(10).withUnsafeBytes { body.write($0, at: 0, in: run) }
        #expect(body.reserve(slice: 0, count: StoredBody.sliceBytes) == nil)
        counting(StoredBody.sliceBytes).withUnsafeBytes { body.publish(slice: 0, $0, in: run) }
        #expect(read(body).bytes == counting(StoredBody.sliceBytes))
    }
}
