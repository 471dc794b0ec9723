// SPDX-License-Identifier: Apache-2.0

import Cache
import Net
import Synchronization
import Testing

@testable import Edge

/// What an object on its way has replaced gets its place back when the body never comes.
@Suite struct GiveBackTests: StoreSuite {
    private let tier: MemoryTier
    private let purges: PurgeState

    init() throws {
        purges = try PurgeState(folder: nil, rulesMax: 100)
        tier = MemoryTier(budgetBytes: 1 << 20, purges: purges)
    }

    private func object(_ variant: VariantKey = .independent) -> CachedObject {
        CachedObject(key: key("/a"), fillWorker: 0, memory: memory, variant: variant, birth: purges.current)
    }

    private func old(_ variant: VariantKey = .independent, vary: VaryRule? = nil) -> CachedObject {
        let object = object(variant)
        let body = StoredBody(length: 3, capacityBytes: 1 << 20, memory: memory)
        object.publish(head: head(fresh, vary: vary), body: body)
        counting(3).withUnsafeBytes { body.append($0) }
        body.complete()
        tier.admit(object)
        tier.settle(object, vary, variant)
        return object
    }

    /// Its head has come, and half of its body.
    private func arriving(_ variant: VariantKey = .independent, vary: VaryRule? = nil) -> CachedObject {
        let object = object(variant)
        let body = StoredBody(length: 100, capacityBytes: 1 << 20, memory: memory)
        object.publish(head: head(fresh, vary: vary), body: body)
        counting(50).withUnsafeBytes { body.append($0) }
        tier.settle(object, vary, variant)
        tier.admit(object)
        return object
    }

    private func fail(_ object: CachedObject) -> CachedObject? {
        let again = tier.giveBack(object)
        object.fail(.transientError)
        tier.withdraw(object)
        return again
    }

    private var found: [CachedObject] { tier.stored(key("/a")) }

    @Test func theOldResponseIsFoundAgain() throws {
        let old = old()
        let new = arriving()
        #expect(found.map(ObjectIdentifier.init) == [ObjectIdentifier(new)])
        #expect(tier.storedOrReplaced(key("/a")).map(ObjectIdentifier.init) == [old, new].map(ObjectIdentifier.init))
        let again = try #require(fail(new))
        #expect(found.map(ObjectIdentifier.init) == [ObjectIdentifier(again)])
        #expect(again.stored === old.stored && again.head === old.head && again.birth == old.birth)
        #expect(tier.usage == (again.costBytes, 1))
        #expect(fail(new) == nil && tier.usage.objects == 1)
    }

    /// What a soft purge has made stale stays so.
    @Test func itsTimesAreWhatTheyWere() throws {
        let old = old()
        old.expire(nowMilliseconds: 5)
        let again = try #require(fail(arriving()))
        #expect(again.freshUntilMilliseconds == 5 && again.usableUntilMilliseconds == 505)
        #expect(again.head?.freshUntilMilliseconds == 1000)
    }

    @Test func whatWasPurgedMeanwhileIsJudgedWhenItIsFound() throws {
        _ = old()
        let new = arriving()
        _ = purges.purge([try #require(PurgeRule(.url, Array("/a".utf8), isSoft: false))])
        let again = try #require(fail(new))
        #expect(!tier.judge(again, nowMilliseconds: 0) && found.isEmpty)
    }

    /// Somebody had a look at it while it was out of the table.
    @Test func whatWasFoundPurgedBeforeStaysPurged() throws {
        let old = old()
        let new = arriving()
        _ = purges.purge([try #require(PurgeRule(.url, Array("/a".utf8), isSoft: false))])
        #expect(!tier.judge(old, nowMilliseconds: 0))
        let again = try #require(fail(new))
        #expect(!tier.judge(again, nowMilliseconds: 0) && found.isEmpty)
    }

    @Test func whatHasComeBetweenIsNotUndone() {
        _ = old()
        let invalid = arriving()
        tier.invalidate(key("/a"))
        // Not for those who have waited too long either.
        #expect(tier.storedOrReplaced(key("/a")).map(ObjectIdentifier.init) == [ObjectIdentifier(invalid)])
        #expect(fail(invalid) == nil && found.isEmpty)

        _ = old()
        let gone = arriving()
        tier.withdraw(gone)
        #expect(fail(gone) == nil && found.isEmpty)

        _ = old()
        let late = arriving()
        let newer = old()
        #expect(fail(late) == nil)
        #expect(found.map(ObjectIdentifier.init) == [ObjectIdentifier(newer)])
    }

    /// Two at once: what the first had replaced is what the second gives back.
    @Test func aBodyOnItsWayIsNothingToGiveBack() throws {
        let old = old()
        let first = arriving()
        let second = arriving()
        #expect(fail(first) == nil)
        #expect(try #require(fail(second)).stored === old.stored)
    }

    @Test func aVariantIsFoundByItsRule() throws {
        var rule: VaryRule?
        if case .selecting(let found) = VaryRule.parse([Array("Accept-Language".utf8)]) { rule = found }
        let language = try #require(rule)
        let fields = [(name: Array("accept-language".utf8), value: Array("de".utf8))]
        let variant = try #require(language.key(of: fields))
        _ = old(variant, vary: language)
        let again = try #require(fail(arriving(variant, vary: language)))
        let obtained = tier.obtain(
            key("/a"), nowMilliseconds: 0, select: { $0.key(of: fields) }, make: { object($0) })
        #expect(obtained.object === again)
    }

    @Test func whatNobodyReadsAnyMoreGivesItsPlaceBackToo() {
        let old = old()
        let new = arriving()
        #expect(tier.abandon(new))
        #expect(found.count == 1 && found.first?.stored === old.stored)
        #expect(tier.usage.objects == 1)
    }

    @Test func aWholeBodyKeepsNothingElse() {
        _ = old()
        let new = arriving()
        counting(50).withUnsafeBytes { new.stored?.append($0) }
        new.stored?.complete()
        tier.forgetReplaced(new)
        #expect(new.replaced == nil && fail(new) == nil && found.isEmpty)
    }
}
