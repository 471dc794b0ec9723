// SPDX-License-Identifier: Apache-2.0

import Cache
import Net
import Synchronization
import Testing

@testable import Edge

@Suite struct MemoryTierTests: StoreSuite {
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
