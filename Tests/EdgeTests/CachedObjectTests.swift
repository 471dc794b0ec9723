// SPDX-License-Identifier: Apache-2.0

import Cache
import Net
import Synchronization
import Testing

@testable import Edge

@Suite struct CachedObjectTests: StoreSuite {
    @Test func aFailedObjectIsNeverTakenForWhole() {
        let object = CachedObject(key: key("/a"), fillWorker: 0, memory: memory)
        let body = StoredBody(length: 11, capacityBytes: 1 << 20, memory: memory)
        object.publish(head: head(fresh), body: body)
        object.fail(.died)
        #expect(read(body).end == "failed")
        #expect(object.outcome == .died)
        let isWithdrawn = object.isWithdrawn.load(ordering: .relaxed)
        #expect(isWithdrawn)
    }

    /// A response that was found still good: another head, the same bytes.
    @Test func aBodyOutlivesTheObjectItCameWith() {
        let memory = BodyMemory(limitBytes: 1 << 30)
        var older: CachedObject? = CachedObject(key: key("/a"), fillWorker: 0, memory: memory)
        let newer = CachedObject(key: key("/a"), fillWorker: 0, memory: memory)
        let body = StoredBody(length: 10, capacityBytes: 1 << 20, memory: memory)
        counting(10).withUnsafeBytes { body.append($0) }
        older?.publish(head: head(fresh), body: body)
        newer.publish(head: head(fresh), body: body)
        older = nil
        #expect(newer.body.map { read($0).bytes } == counting(10))
    }
}
