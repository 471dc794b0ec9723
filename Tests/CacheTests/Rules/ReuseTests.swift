// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct ReuseTests {
    /// Fresh for 10 s of which 4 had passed on arrival, then usable for 5 s while it is fetched, for 20 s in an outage.
    private var stored = StoredFreshness(
        lifetimeMilliseconds: 10_000, ageOnArrivalMilliseconds: 4000, staleWhileRevalidateMilliseconds: 5000,
        staleIfErrorMilliseconds: 20_000)

    private func reuse(
        _ freshness: StoredFreshness? = nil, after milliseconds: Int64, hasValidator: Bool = true,
        isGetOrHead: Bool = true,
        _ directives: String? = nil
    ) -> Reuse {
        Reuse(
            freshness ?? stored, residentMilliseconds: milliseconds, hasValidator: hasValidator,
            isGetOrHead: isGetOrHead,
            directives: directives.map { RequestDirectives([bytes($0)]) })
    }

    @Test(
        arguments: [
            (0, .fresh), (5999, .fresh), (6000, .staleWhileRevalidate), (10_999, .staleWhileRevalidate),
            (11_000, .validate),
            (.max, .validate), (-5, .fresh),
        ] as [(Int64, Reuse)])
    func timePasses(milliseconds: Int64, expected: Reuse) {
        #expect(reuse(after: milliseconds) == expected)
        // The spans that a store keeps say the same.
        #expect((milliseconds < stored.freshAfterArrivalMilliseconds) == (expected == .fresh))
        #expect((milliseconds < stored.usableAfterArrivalMilliseconds) == (expected != .validate))
        // A request without directives is not different where they are honoured.
        #expect(reuse(after: milliseconds, "x") == expected)
    }

    @Test func withoutAValidatorItIsFetched() {
        #expect(reuse(after: 11_000, hasValidator: false) == .mustFetch)
        #expect(reuse(after: 0, hasValidator: false) == .fresh)
    }

    @Test func otherMethodsAlwaysGoUpstream() {
        #expect(reuse(after: 0, isGetOrHead: false) == .mustFetch)
    }

    @Test func noCacheIsAlwaysValidated() {
        var always = stored
        always.alwaysRevalidate = true
        #expect(reuse(always, after: 0) == .validate)
        #expect(reuse(always, after: 0, "max-stale") == .validate)
        #expect(!always.mayServeStaleOnError(residentMilliseconds: 0))
        #expect(!always.mayServeStaleOnError(residentMilliseconds: 0, requestSeconds: 60))
    }

    @Test func mustRevalidateIsNeverStale() {
        var strict = stored
        strict.mustRevalidate = true
        #expect(reuse(strict, after: 5999) == .fresh)
        #expect(reuse(strict, after: 6000) == .validate)
        #expect(reuse(strict, after: 6000, "max-stale") == .validate)
        #expect(!strict.mayServeStaleOnError(residentMilliseconds: 6000, requestSeconds: 60))
    }

    @Test(
        arguments: [
            ("no-cache", 0, .validate), ("no-store", 0, .mustFetch), ("max-age=0", 0, .validate),
            ("max-age=5", 1000, .fresh),
            ("max-age=5", 1001, .validate), ("min-fresh=6", 0, .fresh), ("min-fresh=6", 1, .validate),
            ("min-fresh=1", 6000, .validate), ("max-stale=2", 13_000, .validate),
            ("max-stale=7", 13_000, .staleWhileRevalidate),
            ("max-stale", .max, .staleWhileRevalidate), ("max-stale", 1_000_000, .staleWhileRevalidate),
            ("max-stale=7, max-age=5", 13_000, .validate), ("only-if-cached", 0, .fresh),
            ("only-if-cached", 11_000, .gatewayTimeout), ("only-if-cached, no-cache", 0, .gatewayTimeout),
        ] as [(String, Int64, Reuse)])
    func requestsMayAskForMore(directives: String, milliseconds: Int64, expected: Reuse) {
        #expect(reuse(after: milliseconds, directives) == expected)
    }

    @Test func anOutageIsBridgedForAWhile() {
        #expect(stored.mayServeStaleOnError(residentMilliseconds: 25_999))
        #expect(!stored.mayServeStaleOnError(residentMilliseconds: 26_000))
        #expect(stored.usableOnErrorAfterArrivalMilliseconds == 26_000)
        #expect(stored.mayServeStaleOnError(residentMilliseconds: 30_000, requestSeconds: 25))
        #expect(!stored.mayServeStaleOnError(residentMilliseconds: 31_000, requestSeconds: 25))
        #expect(!stored.mayServeStaleOnError(residentMilliseconds: .max, requestSeconds: 60))
    }

    @Test func spansAreCutSoThatSumsFit() {
        let huge = StoredFreshness(
            lifetimeMilliseconds: .max, ageOnArrivalMilliseconds: .max, staleWhileRevalidateMilliseconds: .max,
            staleIfErrorMilliseconds: .max)
        #expect(huge.freshAfterArrivalMilliseconds == 0)
        #expect(huge.usableOnErrorAfterArrivalMilliseconds == DeltaSeconds.max * 1000)
        #expect(huge.ageMilliseconds(residentMilliseconds: .max) == DeltaSeconds.max * 2000)
        #expect(StoredFreshness(lifetimeMilliseconds: .min).lifetimeMilliseconds == 0)
    }
}
