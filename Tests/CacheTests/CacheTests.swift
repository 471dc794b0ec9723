// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct CacheControlTests {
    @Test func directivesAreReadInAnyCaseAndOrder() {
        let control = CacheControl(Array("Public, MAX-AGE=60 , s-maxage=\"30\", stale-while-revalidate=10".utf8))
        #expect(control.maxAge == 60)
        #expect(control.sharedMaxAge == 30)
        #expect(control.staleWhileRevalidate == 10)
        #expect(!control.noStore && !control.isPrivate)
    }

    @Test(arguments: ["max-age=", "max-age=x", "max-age=-1", "max-age=1.5"])
    func aNumberThatIsNoneIsStale(text: String) {
        #expect(CacheControl(Array(text.utf8)).maxAge == 0)
    }

    @Test func hugeNumbersAreCut() {
        #expect(CacheControl(Array("max-age=99999999999999999999".utf8)).maxAge == Int(Int32.max))
    }
}

@Suite struct StorabilityTests {
    private func judge(
        _ status: Int, _ control: String?, cdn: String? = nil, age: String? = nil,
        change: (inout StorabilityFields) -> Void = { _ in }
    ) -> Storability {
        var fields = StorabilityFields()
        fields.cacheControl = control.map { Array($0.utf8) }
        fields.cdnCacheControl = cdn.map { Array($0.utf8) }
        fields.age = age.map { Array($0.utf8) }
        change(&fields)
        return Storability(status: status, fields)
    }

    private func stored(_ fresh: Int64, stale: Int64 = 0) -> Storability {
        .store(freshMilliseconds: fresh, staleWhileRevalidateMilliseconds: stale)
    }

    @Test func freshnessIsExplicitAndLessTheAge() {
        #expect(judge(200, "max-age=60") == stored(60_000))
        #expect(judge(200, "max-age=60", age: "50") == stored(10_000))
        #expect(judge(200, "max-age=60, s-maxage=5") == stored(5000))
        #expect(judge(200, "max-age=9", cdn: "max-age=1") == stored(1000))
        #expect(judge(404, "max-age=1") == stored(1000))
        #expect(judge(200, "max-age=1, stale-while-revalidate=10") == stored(1000, stale: 10_000))
        #expect(judge(200, "max-age=1, stale-while-revalidate=10, must-revalidate") == stored(1000))
        let expiring = judge(200, nil) { fields in
            fields.expiresSeconds = 130
            fields.dateSeconds = 100
        }
        #expect(expiring == stored(30_000))
    }

    @Test func whatIsNotFreshIsSharedWithThoseWhoWaitOnly() {
        #expect(judge(200, nil) == .shareOnce)
        #expect(judge(200, "max-age=0") == .shareOnce)
        #expect(judge(200, "max-age=60", age: "60") == .shareOnce)
        #expect(judge(200, "no-cache, max-age=60") == .shareOnce)
        #expect(judge(500, "max-age=60") == .shareOnce)
    }

    @Test func whatBelongsToOneIsNobodyElses() {
        #expect(judge(200, "no-store") == .uncacheable)
        #expect(judge(200, "private, max-age=60") == .uncacheable)
        #expect(judge(200, "max-age=60") { $0.hasSetCookie = true } == .uncacheable)
        #expect(judge(200, "max-age=60") { $0.vary = Array("cookie".utf8) } == .uncacheable)
        #expect(judge(206, "max-age=60") == .uncacheable)
        #expect(judge(401, nil) == .uncacheable)
    }
}
