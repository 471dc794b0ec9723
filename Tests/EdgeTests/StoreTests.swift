// SPDX-License-Identifier: Apache-2.0

import Cache
import Net
import Synchronization
import Testing

@testable import Edge

private let memory = BodyMemory(limitBytes: 1 << 30)
private let hasher = KeyHasher(seed: 1)

/// Shared by all, so that objects can be made before their tier.
private let purges: PurgeState = {
    guard let purges = try? PurgeState(folder: nil, rulesMax: 100) else {
        preconditionFailure("there is no file to fail")
    }
    return purges
}()

private func makeTier(_ budgetBytes: Int, policy: EvictionPolicy = .standard) -> MemoryTier {
    MemoryTier(budgetBytes: budgetBytes, policy: policy, purges: purges)
}

private func key(_ path: String) -> CacheKey {
    let bytes = Array(path.utf8)
    return CacheKey(bytes: bytes, hashValue64: bytes.withUnsafeBytes { hasher.hash($0) })
}

private func head(_ storability: Storability, vary: VaryRule? = nil) -> ObjectHead {
    var facts = ObjectHead.Facts()
    facts.storability = storability
    facts.vary = vary
    return ObjectHead(status: 200, stored: [], sent: [], facts)
}

private let fresh = Storability.store(
    StoredFreshness(lifetimeMilliseconds: 1000, staleWhileRevalidateMilliseconds: 500))

private func counting(_ count: Int, by divisor: Int = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 / divisor) }
}

/// A whole object of `count` bytes that count up from 0.
private func whole(
    _ path: String, _ count: Int, storability: Storability = fresh, variant: VariantKey = .independent
) -> CachedObject {
    let object = CachedObject(
        key: key(path), fillWorker: 0, memory: memory, variant: variant, birth: purges.current)
    fill(object, count, storability: storability)
    return object
}

private func fill(_ object: CachedObject, _ count: Int, storability: Storability = fresh) {
    let body = StoredBody(length: count, capacityBytes: 1 << 20, memory: memory)
    object.publish(head: head(storability), body: body)
    counting(count).withUnsafeBytes { body.append($0) }
    body.complete()
}

private func read(_ body: BodySource, from start: Int = 0) -> (bytes: [UInt8], end: String) {
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

@Suite struct StoredBodyTests {
    @Test(arguments: [true, false])
    func bytesCanBeReadAsTheyArriveInAnyPieces(isLengthKnown: Bool) {
        let count = 2 * StoredBody.sliceBytes + 77
        let body = StoredBody(length: isLengthKnown ? count : nil, capacityBytes: 1 << 20, memory: memory)
        #expect(read(body).end == "pending")
        let bytes = counting(count, by: 3)
        var position = 0
        var piece = 1
        while position < count {
            let end = min(count, position + piece)
            bytes[position..<end].withUnsafeBytes { body.append($0) }
            position = end
            piece = piece * 3 + 1
            if position < count { #expect(read(body) == (Array(bytes[..<position]), "pending")) }
        }
        body.complete()
        #expect(read(body) == (bytes, "end"))
        #expect(body.length == count && body.isWhole)
    }

    @Test func aBodyWithoutAByteIsWhole() {
        let body = StoredBody(length: 0, capacityBytes: 1 << 20, memory: memory)
        #expect(body.isWhole)
        #expect(read(body).end == "end")
    }

    @Test func aBodyCountsInMemoryFromItsHeadOnWhenItsLengthIsKnown() {
        let memory = BodyMemory(limitBytes: 1 << 20)
        var known: StoredBody? = StoredBody(length: 3 << 20, capacityBytes: 4 << 20, memory: memory)
        #expect(memory.usedBytes == 3 << 20 && memory.isExhausted)
        withExtendedLifetime(known) {}
        known = nil
        #expect(memory.usedBytes == 0)
        // A short body of unknown length does not take a whole large slice.
        let unknown = StoredBody(length: nil, capacityBytes: 4 << 20, memory: memory)
        [UInt8](repeating: 1, count: 10).withUnsafeBytes { unknown.append($0) }
        #expect(memory.usedBytes <= 64 << 10)
        #expect(unknown.costBytes <= 65 << 10)
    }

    @Test func aFailedBodyIsNeverTakenForWhole() {
        let body = StoredBody(length: 11, capacityBytes: 1 << 20, memory: memory)
        counting(10).withUnsafeBytes { body.append($0) }
        body.fail()
        #expect(read(body) == (counting(10), "failed"))
        #expect(!body.isWhole)
    }

    // MARK: Pieces

    private let length = 5 * StoredBody.sliceBytes + 100

    @Test func aSliceLiesInItsCacheLineAsLargeValuesOfLMDBDo() throws {
        let body = StoredBody(piecesOf: length, memory: memory)
        for index in [0, 5] {
            let count = index == 5 ? 100 : StoredBody.sliceBytes
            let slice = try #require(body.reserve(slice: index, count: count)?.baseAddress)
            #expect(UInt(bitPattern: slice) % 64 == 16)
        }
    }

    @Test func noSliceIsClaimedTwice() {
        let body = StoredBody(piecesOf: length, memory: memory)
        #expect(body.claim(from: 2, to: 4) == 2..<4)
        #expect(body.claim(from: 0, to: 6) == 0..<2)
        #expect(body.claim(from: 3, to: 6) == nil)
        #expect(body.claim(from: 4, to: 99) == 4..<6)
        body.release(2..<4)
        #expect(body.claim(from: 3, to: 4) == 3..<4)
    }

    @Test func piecesInAnyOrderMakeAWhole() {
        let memory = BodyMemory(limitBytes: 1 << 30)
        let body = StoredBody(piecesOf: length, memory: memory)
        #expect(memory.usedBytes == 0)
        let bytes = counting(length, by: 7)
        for run in [3..<5, 0..<1, 5..<6, 1..<3] {
            #expect(body.claim(from: run.lowerBound, to: run.upperBound) == run)
            var position = run.lowerBound * StoredBody.sliceBytes
            let end = min(length, run.upperBound * StoredBody.sliceBytes)
            #expect(read(body, from: position).end == "pending")
            while position < end {
                let next = min(end, position + 100_001)
                bytes[position..<next].withUnsafeBytes { body.write($0, at: position, in: run) }
                position = next
            }
            body.release(run)
            #expect(body.holds(slice: run.lowerBound))
        }
        #expect(body.isWhole)
        #expect(read(body) == (bytes, "end"))
        #expect(memory.usedBytes == length)
    }

    /// A fill breaks off in the middle of a slice; the next one begins with the slice's first byte again.
    @Test func aHalfSliceIsCompletedByAnother() {
        let body = StoredBody(piecesOf: length, memory: memory)
        let bytes = counting(length, by: 11)
        let run = body.claim(from: 1, to: 3) ?? 0..<0
        let start = StoredBody.sliceBytes
        bytes[start..<start + 1000].withUnsafeBytes { body.write($0, at: start, in: run) }
        body.release(run)
        #expect(read(body, from: start) == (Array(bytes[start..<start + 1000]), "pending"))
        let again = body.claim(from: 1, to: 2) ?? 0..<0
        #expect(again == 1..<2)
        // What comes before and behind the run is not written.
        bytes[0..<3 * start].withUnsafeBytes { body.write($0, at: 0, in: again) }
        #expect(read(body, from: start) == (Array(bytes[start..<2 * start]), "pending"))
        #expect(read(body, from: 0).bytes.isEmpty)
    }

    @Test func aBodyIsGivenUpAfterSomeFailures() {
        let body = StoredBody(piecesOf: length, memory: memory)
        #expect(body.mayTryAgain())
        #expect(body.mayTryAgain())
        #expect(!body.mayTryAgain())
        #expect(read(body).end == "failed")
    }

    @Test func everyWaitingWorkerIsNamedOnce() {
        let body = StoredBody(piecesOf: length, memory: memory)
        body.waiting.add(0)
        body.waiting.add(5)
        body.waiting.add(5)
        #expect(body.waiting.take() == 0b100001)
        #expect(body.waiting.take() == 0)
    }
}

@Suite struct PipeBodyTests {
    /// What the only reader has taken is given back, what it has not is there.
    @Test func whatWasReadIsGivenUp() {
        let memory = BodyMemory(limitBytes: 1 << 30)
        var pipe: PipeBody? = PipeBody(memory: memory)
        let bytes = counting(100_000, by: 7)
        for round in 1...200 {
            bytes.withUnsafeBytes { pipe?.append($0) }
            let position = round * bytes.count - 1234
            pipe?.discard(before: position)
            guard case .bytes(let view)? = pipe?.window(at: position) else {
                Issue.record("the bytes at \(position) are gone")
                return
            }
            #expect(view[0] == bytes[bytes.count - 1234])
            #expect(memory.usedBytes <= 2 * bytes.count)
        }
        pipe = nil
        #expect(memory.usedBytes == 0)
    }

    @Test func anEndIsNotAFailure() {
        let pipe = PipeBody(memory: memory)
        counting(10).withUnsafeBytes { pipe.append($0) }
        #expect(read(pipe) == (counting(10), "pending"))
        pipe.complete()
        #expect(read(pipe) == (counting(10), "end"))
        let broken = PipeBody(memory: memory)
        counting(10).withUnsafeBytes { broken.append($0) }
        broken.fail()
        #expect(read(broken) == (counting(10), "failed"))
    }
}

@Suite struct CachedObjectTests {
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

@Suite struct MemoryTierTests {
    private func kind(_ obtained: MemoryTier.Obtained) -> String {
        switch obtained {
        case .existing: "existing"
        case .elected(_, let base): base == nil ? "elected" : "elected, base"
        case .unelected(let base): base == nil ? "unelected" : "unelected, base"
        case .stale(_, let revalidation): revalidation == nil ? "stale" : "stale, revalidate"
        case .uncacheable: "uncacheable"
        case .notCached: "not cached"
        }
    }

    private func ask(
        _ tier: MemoryTier, _ path: String, at now: Int64, language: String? = nil, elects: Bool = true,
        directives: String? = nil
    ) -> String {
        let fields = language.map { [(name: Array("accept-language".utf8), value: Array($0.utf8))] } ?? []
        return kind(
            tier.obtain(
                key(path), nowMilliseconds: now, elects: elects,
                directives: directives.map { RequestDirectives([Array($0.utf8)]) }, select: { $0.key(of: fields) }
            ) {
                CachedObject(
                    key: key(path), fillWorker: 0, memory: memory, variant: $0, birth: purges.current)
            })
    }

    private func makeRule(_ names: String) throws -> VaryRule {
        var found: VaryRule?
        if case .selecting(let rule) = VaryRule.parse([Array(names.utf8)]) { found = rule }
        return try #require(found)
    }

    @Test func oneIsElectedAndTheOthersJoin() {
        let tier = makeTier(1 << 20)
        #expect(ask(tier, "/a", at: 0) == "elected")
        #expect(ask(tier, "/a", at: 0) == "existing")
        #expect(ask(tier, "/b", at: 0) == "elected")
    }

    /// What was asked for before a purge of it is not for those who come after it; a purge of something else changes nothing.
    @Test(arguments: [
        (PurgeKind.url, "/other", true), (.url, "/a", false), (.prefix, "/o", true), (.prefix, "/", false),
        (.everything, "", false),
        // Which surrogate keys it will have nobody knows.
        (.surrogateKey, "k", false),
    ])
    func aPurgeEndsJoining(kind: PurgeKind, value: String, isJoined: Bool) throws {
        let purges = try PurgeState(folder: nil, rulesMax: 100)
        let tier = MemoryTier(budgetBytes: 1 << 20, purges: purges)
        func ask() -> String {
            self.kind(
                tier.obtain(key("/a"), nowMilliseconds: 0) {
                    CachedObject(
                        key: key("/a"), fillWorker: 0, memory: memory, variant: $0, birth: purges.current)
                })
        }
        #expect(ask() == "elected")
        #expect(ask() == "existing")
        for _ in 0..<2 {
            _ = purges.purge([try #require(PurgeRule(kind, Array(value.utf8), isSoft: false))])
            #expect(ask() == (isJoined ? "existing" : "elected"))
        }
    }

    @Test func freshThenStaleThenFetchedAgain() {
        let tier = makeTier(1 << 20)
        let object = whole("/a", 10)
        tier.admit(object)
        #expect(ask(tier, "/a", at: 999) == "existing")
        #expect(ask(tier, "/a", at: 1000) == "stale, revalidate")
        #expect(ask(tier, "/a", at: 1001) == "stale")
        // The revalidation is on its way; who comes now waits for it.
        #expect(ask(tier, "/a", at: 1500) == "existing")
        #expect(tier.usage.objects == 1)
    }

    @Test func aStaleObjectIsTheBaseOfTheNextFetch() {
        let tier = makeTier(1 << 20)
        let object = whole("/a", 10)
        tier.admit(object)
        #expect(ask(tier, "/a", at: 1500) == "elected, base")
        #expect(ask(tier, "/a", at: 1500) == "existing")
    }

    /// HEAD: nobody could wait for its body.
    @Test func whoDoesNotWantToBeElectedLeavesNothingBehind() {
        let tier = makeTier(1 << 20)
        #expect(ask(tier, "/a", at: 0, elects: false) == "unelected")
        #expect(ask(tier, "/a", at: 0) == "elected")
        #expect(ask(tier, "/a", at: 0, elects: false) == "existing")
        tier.admit(whole("/b", 10))
        #expect(ask(tier, "/b", at: 0, elects: false) == "existing")
        #expect(ask(tier, "/b", at: 0, elects: false, directives: "no-cache") == "unelected, base")
        #expect(ask(tier, "/b", at: 1500, elects: false) == "unelected, base")
        #expect(ask(tier, "/b", at: 1500) == "elected, base")
    }

    @Test func whatIsStaleAnywayIsFetchedOnceForRequestsWithDirectivesToo() {
        let tier = makeTier(1 << 20)
        tier.admit(whole("/a", 10))
        #expect(ask(tier, "/a", at: 1500, directives: "max-age=5") == "elected, base")
        #expect(ask(tier, "/a", at: 1500, directives: "no-cache") == "existing")
        #expect(ask(tier, "/a", at: 1500, directives: "no-store") == "uncacheable")
    }

    /// Without a validator it is not asked about, but it may stand in where upstream fails.
    @Test func whatARequestDoesNotWantIsTheBaseOfWhatComes() {
        let tier = makeTier(1 << 20)
        tier.admit(whole("/a", 10))
        #expect(ask(tier, "/a", at: 0, directives: "no-cache") == "elected, base")
    }

    /// A soft purge changes nothing about what is stale already, and is not forgotten.
    @Test func aPurgeIsKnownOfWhatIsStaleAnyway() throws {
        let purges = try PurgeState(folder: nil, rulesMax: 100)
        let tier = MemoryTier(budgetBytes: 1 << 20, purges: purges)
        let object = CachedObject(key: key("/a"), fillWorker: 0, memory: memory, birth: purges.current)
        fill(object, 10)
        for path in ["/b", "/a"] {
            #expect(tier.isUnpurged(object))
            _ = purges.purge([try #require(PurgeRule(.url, Array(path.utf8), isSoft: true))])
        }
        #expect(tier.judge(object, nowMilliseconds: 5000) && !tier.isUnpurged(object))
    }

    /// After a failure of upstream the stale object is used for a while without asking.
    @Test func aHeldObjectIsUsedWithoutAsking() {
        let tier = makeTier(1 << 20)
        let object = whole("/a", 10)
        tier.admit(object)
        object.heldUntilMilliseconds.store(3000, ordering: .relaxed)
        #expect(ask(tier, "/a", at: 2999) == "stale")
        #expect(ask(tier, "/a", at: 3000) == "elected, base")
    }

    @Test func variantsAreFoundByWhatTheyDependOn() throws {
        let tier = makeTier(1 << 20)
        let rule = try makeRule("Accept-Language")
        for language in ["de", "fr"] {
            let fields = [(name: Array("accept-language".utf8), value: Array(language.utf8))]
            let variant = rule.key(of: fields) ?? .independent
            let object = whole("/a", 10, variant: variant)
            tier.admit(object)
            tier.settle(object, rule, variant)
        }
        #expect(ask(tier, "/a", at: 0, language: "de") == "existing")
        #expect(ask(tier, "/a", at: 0, language: "fr") == "existing")
        #expect(ask(tier, "/a", at: 0, language: "it") == "elected")
        #expect(ask(tier, "/a", at: 0) == "elected")
        #expect(tier.usage.objects == 2)
    }

    @Test func anotherRuleMakesTheOlderVariantsUnfindable() throws {
        let tier = makeTier(1 << 20)
        let plain = whole("/a", 10)
        tier.admit(plain)
        let rule = try makeRule("Accept-Language")
        let variant = rule.key(of: []) ?? .independent
        let other = whole("/a", 10, variant: variant)
        tier.admit(other)
        tier.settle(other, rule, variant)
        #expect(tier.usage.objects == 1)
        let isWithdrawn = plain.isWithdrawn.load(ordering: .relaxed)
        #expect(isWithdrawn)
    }

    @Test func aKeyHasNoMoreThanSoManyVariants() throws {
        let tier = makeTier(1 << 30)
        let rule = try makeRule("Accept-Language")
        for index in 0..<100 {
            let fields = [(name: Array("accept-language".utf8), value: Array("x\(index)".utf8))]
            let variant = rule.key(of: fields) ?? .independent
            let object = whole("/a", 10, variant: variant)
            tier.admit(object)
            tier.settle(object, rule, variant)
        }
        #expect(tier.usage.objects == MemoryTier.variantsMax)
        #expect(ask(tier, "/a", at: 0, language: "x99") == "existing")
    }

    @Test func whatWasInvalidatedIsValidatedBeforeItsNextUse() {
        let tier = makeTier(1 << 20)
        let object = whole("/a", 10)
        tier.admit(object)
        #expect(tier.invalidate(key("/a")))
        #expect(ask(tier, "/a", at: 0) == "elected, base")
        // What is on its way was asked for before: it is not for those who come now.
        #expect(tier.invalidate(key("/a")))
        #expect(ask(tier, "/a", at: 0) == "elected, base")
        #expect(!tier.invalidate(key("/b")))
    }

    @Test func aWithdrawnObjectIsNotFound() {
        let tier = makeTier(1 << 20)
        let object = whole("/a", 10)
        tier.admit(object)
        tier.withdraw(object)
        #expect(ask(tier, "/a", at: 0) == "elected")
        #expect(tier.usage.bytes == 0)
    }

    @Test func anUncacheableKeyIsRememberedForAWhile() {
        let tier = makeTier(1 << 20)
        tier.markUncacheable(key("/a"), nowMilliseconds: 0)
        #expect(ask(tier, "/a", at: 9999) == "uncacheable")
        #expect(ask(tier, "/a", at: 10_000) == "elected")
    }

    @Test func theBudgetHoldsAndWhatWasHitStays() {
        let size = 10_000
        let cost = whole("/popular", size).costBytes
        let tier = makeTier(10 * cost)
        let popular = whole("/popular", size)
        tier.admit(popular)
        for index in 0..<100 {
            popular.mark.hit(tick: 1)
            tier.admit(whole("/\(index)", size))
            #expect(tier.usage.bytes <= 10 * cost)
        }
        #expect((9...11).contains(tier.usage.objects))
        #expect(ask(tier, "/popular", at: 0) == "existing")
        #expect(ask(tier, "/0", at: 0) == "elected")
    }

    @Test func aReplacementTakesThePlaceAndTheBudgetOfTheOld() {
        let tier = makeTier(1 << 20)
        tier.admit(whole("/a", 1000))
        tier.admit(whole("/a", 500))
        #expect(tier.usage == (whole("/a", 500).costBytes, 1))
    }
}

@Suite struct NearCacheTests {
    private func find(_ cache: NearCache, _ path: String, at now: Int64) -> Bool {
        let key = key(path)
        return key.bytes.withUnsafeBytes {
            cache.find($0, hash: key.hashValue64, nowMilliseconds: now, generation: purges.current)
        } != nil
    }

    @Test func onlyWhatIsFreshAndNotWithdrawnIsFound() {
        var cache = NearCache()
        let object = whole("/a", 10)
        cache.insert(object)
        #expect(find(cache, "/a", at: 999))
        #expect(!find(cache, "/a", at: 1000))
        #expect(!find(cache, "/b", at: 0))
        object.isWithdrawn.store(true, ordering: .relaxed)
        #expect(!find(cache, "/a", at: 0))
    }

    @Test func aSweepLetsGoOfWithdrawnObjects() {
        var cache = NearCache()
        weak var released: CachedObject?
        do {
            let object = whole("/a", 10)
            released = object
            cache.insert(object)
            object.isWithdrawn.store(true, ordering: .relaxed)
        }
        #expect(released != nil)
        cache.sweep()
        #expect(released == nil)
    }

    /// Equal hashes are not enough.
    @Test func aCollisionIsAMiss() {
        var cache = NearCache()
        let object = CachedObject(
            key: CacheKey(bytes: Array("/a".utf8), hashValue64: 42), fillWorker: 0, memory: memory,
            birth: purges.current)
        fill(object, 1)
        cache.insert(object)
        #expect(
            Array("/b".utf8).withUnsafeBytes {
                cache.find($0, hash: 42, nowMilliseconds: 0, generation: purges.current)
            } == nil)
        #expect(
            Array("/a".utf8).withUnsafeBytes {
                cache.find($0, hash: 42, nowMilliseconds: 0, generation: purges.current)
            } != nil)
    }
}

/// After a 304 two objects have one body.
@Suite struct SharedBodyTests {
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
