// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct PurgeLedgerTests {
    private func rule(_ kind: PurgeKind, _ value: String = "", site: String = "", soft: Bool = false) -> PurgeRule {
        guard let rule = PurgeRule(kind, Array(value.utf8), site: Array(site.utf8), isSoft: soft) else {
            Issue.record("\(kind) \(value) is refused")
            return PurgeRule(name: PurgeRule.Name(kind: kind, hash: 0), isSoft: soft)
        }
        return rule
    }

    private func verdict(
        _ ledger: PurgeLedger, _ key: String, keys: String = "", site: String = "", birth: UInt64,
        checkedUpTo: UInt64 = 0
    ) -> PurgeVerdict {
        Array(key.utf8).withUnsafeBytes { key in
            Array(site.utf8).withUnsafeBytes { site in
                let subject = PurgeSubject(key: key, surrogateKeys: SurrogateKeys(fieldValue: keys.utf8), site: site)
                return ledger.verdict(for: subject, birth: birth, checkedUpTo: checkedUpTo)
            }
        }
    }

    @Test func aPurgeTakesWhatWasBornBeforeItAndNothingElse() {
        var ledger = PurgeLedger(generation: 7, rulesMax: 10)
        #expect(verdict(ledger, "/a", birth: 7) == .untouched)
        #expect(ledger.add(rule(.url, "/a")) == 8)
        #expect(verdict(ledger, "/a", birth: 7) == .hard)
        #expect(verdict(ledger, "/a", birth: 8) == .untouched)
        #expect(verdict(ledger, "/a?x=1", birth: 7) == .untouched)
        #expect(verdict(ledger, "/ab", birth: 7) == .untouched)
        // It was judged already, and something else has been purged since.
        ledger.add(rule(.url, "/b"))
        #expect(verdict(ledger, "/a", birth: 7, checkedUpTo: 8) == .untouched)
        #expect(verdict(ledger, "/b", birth: 7, checkedUpTo: 8) == .hard)
    }

    @Test func aQueryIsPartOfAURLAndNotOfAPrefix() {
        var ledger = PurgeLedger(generation: 0, rulesMax: 10)
        ledger.add(rule(.url, "/a?x=1"))
        ledger.add(rule(.prefix, "/v/1/"))
        #expect(verdict(ledger, "/a?x=1", birth: 0) == .hard)
        #expect(verdict(ledger, "/a", birth: 0) == .untouched)
        #expect(verdict(ledger, "/v/1/a?x", birth: 0) == .hard)
        #expect(verdict(ledger, "/v/1/", birth: 0) == .hard)
        #expect(verdict(ledger, "/v/1", birth: 0) == .untouched)
        #expect(verdict(ledger, "/v/10/a", birth: 0) == .untouched)
        // Only the path counts.
        #expect(verdict(ledger, "/x?/v/1/", birth: 0) == .untouched)
    }

    @Test func aSurrogateKeyTakesEveryObjectThatHasIt() {
        var ledger = PurgeLedger(generation: 0, rulesMax: 10)
        ledger.add(rule(.surrogateKey, "v/1"))
        #expect(verdict(ledger, "/a", keys: "news v/1", birth: 0) == .hard)
        #expect(verdict(ledger, "/b", keys: "v/1,news", birth: 0) == .hard)
        #expect(verdict(ledger, "/c", keys: "v/12 V/1", birth: 0) == .untouched)
        #expect(verdict(ledger, "/v/1", birth: 0) == .untouched)
    }

    /// An object remembers 64 keys; one with more may have any key.
    @Test func anObjectWithTooManyKeysIsTakenByAny() {
        let many = (0...SurrogateKeys.keysMax).map { "k\($0)" }.joined(separator: " ")
        #expect(SurrogateKeys(fieldValue: many.utf8).isTruncated)
        #expect(!SurrogateKeys(fieldValue: "a a a".utf8).isTruncated)
        var ledger = PurgeLedger(generation: 0, rulesMax: 10)
        ledger.add(rule(.url, "/other"))
        #expect(verdict(ledger, "/a", keys: many, birth: 0) == .untouched)
        ledger.add(rule(.surrogateKey, "none of them"[...].split(separator: " ").joined()))
        #expect(verdict(ledger, "/a", keys: many, birth: 0) == .hard)
    }

    @Test func softIsStaleAndHardWins() {
        var ledger = PurgeLedger(generation: 0, rulesMax: 10)
        ledger.add(rule(.prefix, "/a/", soft: true))
        #expect(verdict(ledger, "/a/b", birth: 0) == .soft)
        ledger.add(rule(.url, "/a/b"))
        #expect(verdict(ledger, "/a/b", birth: 0) == .hard)
        #expect(verdict(ledger, "/a/c", birth: 0) == .soft)
        // A soft purge after a hard one does not bring back what is gone.
        ledger.add(rule(.url, "/a/b", soft: true))
        #expect(verdict(ledger, "/a/b", birth: 0) == .hard)
        #expect(verdict(ledger, "/a/b", birth: 2) == .soft)
        #expect(ledger.count == 3)
    }

    @Test func everythingNeedsNoOtherRule() {
        var ledger = PurgeLedger(generation: 0, rulesMax: 10)
        ledger.add(rule(.url, "/a"))
        ledger.add(rule(.everything, soft: true))
        #expect(verdict(ledger, "/b", birth: 0) == .soft)
        ledger.add(rule(.everything))
        #expect(ledger.count == 0)
        #expect(verdict(ledger, "/b", birth: 2) == .hard)
        #expect(verdict(ledger, "/b", birth: 3) == .untouched)
        ledger.add(rule(.prefix, "/b"))
        #expect(verdict(ledger, "/b", birth: 3) == .hard)
        #expect(verdict(ledger, "/c", birth: 3) == .untouched)
    }

    @Test func aSiteLimitsEveryKind() {
        for kind in PurgeKind.allCases {
            var ledger = PurgeLedger(generation: 0, rulesMax: 10)
            let value = kind == .surrogateKey ? "k" : kind == .everything ? "" : "/a"
            ledger.add(rule(kind, value, site: "one.example"))
            #expect(verdict(ledger, "/a", keys: "k", site: "one.example", birth: 0) == .hard, "\(kind)")
            #expect(verdict(ledger, "/a", keys: "k", site: "two.example", birth: 0) == .untouched, "\(kind)")
            #expect(verdict(ledger, "/a", keys: "k", birth: 0) == .untouched, "\(kind)")
            ledger.add(rule(kind, value))
            #expect(verdict(ledger, "/a", keys: "k", site: "two.example", birth: 0) == .hard, "\(kind)")
        }
    }

    /// Beyond the limit the oldest purges take more than was asked, and what was judged since is spared.
    @Test func theOldestAreFoldedIntoTheFloor() {
        var ledger = PurgeLedger(generation: 0, rulesMax: 3)
        for index in 1...5 { ledger.add(rule(.url, "/\(index)")) }
        #expect(ledger.count == 3)
        #expect(ledger.foldedCount == 2)
        #expect(ledger.floor == 2)
        #expect(verdict(ledger, "/1", birth: 0) == .hard)
        #expect(verdict(ledger, "/other", birth: 1) == .hard)
        #expect(verdict(ledger, "/other", birth: 2) == .untouched)
        #expect(verdict(ledger, "/other", birth: 0, checkedUpTo: 2) == .untouched)
        #expect(verdict(ledger, "/3", birth: 2) == .hard)
    }

    /// The same purge again and again takes no more room.
    @Test func whatIsReplacedTakesNoRoom() {
        var ledger = PurgeLedger(generation: 0, rulesMax: 3)
        for _ in 0..<10_000 {
            ledger.add(rule(.url, "/a"))
            ledger.add(rule(.prefix, "/b/", soft: true))
        }
        #expect(ledger.count == 2)
        #expect(ledger.foldedCount == 0)
        #expect(ledger.floor == 0)
        #expect(verdict(ledger, "/c", birth: 0) == .untouched)
        #expect(verdict(ledger, "/a", birth: 19_998) == .hard)
    }

    /// Of a ledger that was lost: nobody knows what happened to it.
    @Test func whatIsBornInTheFutureIsGone() {
        let ledger = PurgeLedger(generation: 5, rulesMax: 3)
        #expect(verdict(ledger, "/a", birth: 6) == .hard)
        #expect(verdict(ledger, "/a", birth: 4) == .hard)
        #expect(verdict(ledger, "/a", birth: 5) == .untouched)
    }

    @Test(arguments: [
        (PurgeKind.url, "a", "does not begin with `/`"), (.url, "", "is empty"),
        (.prefix, "/a?b", "holds a query; a prefix is one of paths"),
        (.prefix, "a", "does not begin with `/`"), (.url, "/a b", "holds something else than visible ASCII characters"),
        (.surrogateKey, "a,b", "holds a comma; each key is a value of its own"),
        (.url, "/" + String(repeating: "a", count: 8192), "is longer than 8192 bytes"),
    ]) func wrongValuesAreNamed(kind: PurgeKind, value: String, problem: String) {
        #expect(PurgeRule.problem(kind, Array(value.utf8)) == problem)
        #expect(PurgeRule(kind, Array(value.utf8), isSoft: false) == nil)
    }

    /// Against a list that is searched from end to end.
    @Test func itAgreesWithAPlainList() {
        struct Purge {
            var generation: UInt64
            var kind: PurgeKind
            var value: String
            var isSoft: Bool
        }
        var random = TestRandom(state: 4)
        let paths = ["/", "/a", "/a/", "/a/b", "/a/b?q=1", "/b", "/b/c/d", "/ab"]
        for _ in 0..<200 {
            var ledger = PurgeLedger(generation: 0, rulesMax: Int.random(in: 1...12, using: &random))
            var list: [Purge] = []
            for _ in 0..<Int.random(in: 1...30, using: &random) {
                // All at once is rare, or nothing else would be seen.
                let kind = Int.random(in: 0..<12, using: &random)
                let isSoft = Bool.random(using: &random)
                let (name, value): (PurgeKind, String) =
                    switch kind {
                    case 0: (.everything, "")
                    case 1...4: (.url, paths.randomElement(using: &random) ?? "/")
                    case 5...8: (.prefix, String((paths.randomElement(using: &random) ?? "/").prefix { $0 != "?" }))
                    default: (.surrogateKey, "k\(Int.random(in: 0..<4, using: &random))")
                    }
                let generation = ledger.add(rule(name, value, soft: isSoft))
                list.append(Purge(generation: generation, kind: name, value: value, isSoft: isSoft))
            }
            for path in paths {
                let key = "k\(Int.random(in: 0..<5, using: &random))"
                let birth = UInt64.random(in: 0...ledger.current, using: &random)
                let checked = UInt64.random(in: 0...ledger.current, using: &random)
                let known = max(birth, checked)
                let expected = list.filter { $0.generation > known }.reduce(PurgeVerdict.untouched) { verdict, purge in
                    let matches =
                        switch purge.kind {
                        case .url: purge.value == path
                        case .prefix: path.prefix { $0 != "?" }.hasPrefix(purge.value)
                        case .surrogateKey: purge.value == key
                        case .everything: true
                        }
                    return matches ? max(verdict, purge.isSoft ? .soft : .hard) : verdict
                }
                let found = verdict(ledger, path, keys: key, birth: birth, checkedUpTo: checked)
                #expect(found == (known < ledger.floor ? .hard : expected), "\(path) \(key) \(known) \(list)")
            }
        }
    }
}

/// SplitMix64 (Steele et al. 2014), so that every run is the same.
private struct TestRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
