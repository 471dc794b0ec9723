// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

/// Lifetimes and ages: RFC 9111 section 4.2. Seconds of freshness that are left on arrival.
@Suite struct FreshnessTests {
    private let modified = "Last-Modified: \(date(-1000))"

    @Test(
        arguments: [
            (["Cache-Control: max-age=60"], 60),
            (["Cache-Control: max-age=60, s-maxage=5"], 5),
            (["Cache-Control: s-maxage=3600", "Cache-Control: max-age=1"], 3600),
            (["Cache-Control: max-age=0, s-maxage=9", "Expires: \(date(-10))"], 9),
            (["Cache-Control: max-age=60", "Expires: 0"], 60),
            (["Cache-Control: max-age=60", "Pragma: no-cache"], 60),
            (["Expires: \(date(30))", "Date: \(date(0))"], 30),
            (["Expires: \(date(30))"], 30),
            (["Expires: \(date(30))", "Date: foo"], 30),
            (["Expires: \(date(30))", "Expires: \(date(5))"], 30),
            (["Expires: \(date(20))", "Date: \(date(10))", "Age: 4"], 6),
            (["Cache-Control: max-age=2147483649"], 2_147_483_648),
        ] as [([String], Int64)])
    func theLifetimeIsFound(fields: [String], expected: Int64) {
        #expect(FreshnessTests.judge(fields).freshSeconds == expected)
    }

    @Test(arguments: [
        ["Cache-Control: max-age=0"], ["Cache-Control: max-age=-5"],
        ["Cache-Control: max-age=x", "Expires: \(date(30))"],
        ["Cache-Control: max-age=0", "Expires: \(date(30))"], ["Cache-Control: max-age =60"],
        ["Expires: 0"], ["Expires: -1"], ["Expires: \(date(0))"], ["Expires: \(date(-5))"],
        ["Expires: \(date(300))", "Date: \(date(400))"], ["Expires: \(date(10))", "Date: \(date(-10))", "Age: 25"],
        ["Expires: \(date(20))", "Date: \(date(10))", "Age: 15"], ["Cache-Control: max-age=3600", "Age: 7200"],
        ["Cache-Control: max-age=3600", "Age: 2147483649"], ["Cache-Control: max-age=9", "Date: \(date(-10))"], [],
    ])
    func theResponseIsStale(fields: [String]) throws {
        // With a validator it is stored all the same, and validated.
        let stale = try #require(FreshnessTests.judge(fields + [modified]).freshSeconds)
        #expect(stale <= 0)
        #expect(FreshnessTests.judge(fields) == .shareOnce)
    }

    @Test(
        arguments: [
            ("30", 30), ("0, 30", 0), ("30, 0", 30), ("30,x", 30), (" 30 ,", 30), ("abc", 0), ("-30", 0), ("30.0", 0),
            ("30;x=1", 0), ("", 0), ("x, 30", 0), ("99999999999999999999", 2_147_483_648),
        ] as [(String, Int64)])
    func theFirstAgeCountsIfItIsANumber(age: String, expected: Int64) {
        let rules = ResponseRules(CacheRulesSettings())
        func found(_ fields: [String]) -> Int64 {
            rules.ageOnArrivalMilliseconds(
                fields: lines(fields), requestMilliseconds: arrivalSeconds * 1000,
                responseMilliseconds: arrivalSeconds * 1000)
        }
        #expect(found(["Age: \(age)"]) == expected * 1000)
        #expect(found(["Age: \(age)", "Age: 77"]) == expected * 1000)
    }

    @Test func delayAndDateCountAsAge() {
        #expect(CacheTests.judge("Cache-Control: max-age=60", "Age: 10", delayMilliseconds: 5500).freshSeconds == 44)
        #expect(CacheTests.judge("Cache-Control: max-age=60", "Age: 10", "Date: \(date(-20))").freshSeconds == 40)
        #expect(CacheTests.judge("Cache-Control: max-age=60", "Date: \(date(20))").freshSeconds == 60)
        // Written within the second before, for all that is known.
        #expect(
            CacheTests.judge("Cache-Control: max-age=1", "Date: \(date(-1))").freshness?.ageOnArrivalMilliseconds == 1)
        let trusting = CacheTests.judge("Cache-Control: max-age=60", "Date: \(date(-20))") {
            $0.usesApparentAge = false
        }
        #expect(trusting.freshSeconds == 60)
    }

    @Test func timesOfAnyPeerDoNotOverflow() {
        let year = "Fri, 31 Dec 9999 23:59:59 GMT"
        #expect(CacheTests.judge("Expires: \(year)", "Date: Sat, 01 Jan 0001 00:00:00 GMT") == .shareOnce)
        #expect(CacheTests.judge("Expires: \(year)", "Date: \(year)", "Age: 9") == .shareOnce)
        #expect(CacheTests.judge("Expires: \(year)").freshSeconds == 2_147_483_648)
        let all = "Cache-Control: max-age=9999999999, stale-while-revalidate=9999999999, stale-if-error=9999999999"
        let freshness = CacheTests.judge(all, delayMilliseconds: .max / 2).freshness
        #expect(freshness?.freshAfterArrivalMilliseconds == 0)
        #expect(freshness?.usableAfterArrivalMilliseconds == DeltaSeconds.max * 1000)
    }

    private static func judge(_ fields: [String]) -> Storability {
        ResponseRules(CacheRulesSettings()).judge(
            .get, hasAuthorization: false, status: 200, fields: lines(fields),
            requestMilliseconds: arrivalSeconds * 1000, responseMilliseconds: arrivalSeconds * 1000)
    }
}

@Suite struct HeuristicTests {
    private let modified = "Last-Modified: \(date(-1000))"

    private func seconds(_ fields: String..., status: Int = 200, fraction: Double = 0.1, cap: Int64 = 86_400) -> Int64?
    {
        var settings = CacheRulesSettings()
        settings.heuristicFraction = fraction
        settings.heuristicMaxSeconds = cap
        return ResponseRules(settings).judge(
            .get, hasAuthorization: false, status: status, fields: lines(fields),
            requestMilliseconds: arrivalSeconds * 1000, responseMilliseconds: arrivalSeconds * 1000
        ).freshSeconds
    }

    @Test func theyAreOffUnlessTurnedOn() {
        #expect(seconds(modified, fraction: 0) == 0)
        #expect(seconds(modified) == 100)
        #expect(seconds(modified, "Date: \(date(-500))") == -449)
        #expect(seconds(modified, cap: 7) == 7)
        #expect(seconds(modified, fraction: .infinity) == 1000)
        #expect(seconds(modified, fraction: .nan) == 0)
        #expect(seconds("Last-Modified: \(date(5))") == 0)
        #expect(seconds(modified, "Pragma: no-cache") == 100)
    }

    @Test func whatIsExplicitComesFirst() {
        #expect(seconds(modified, "Cache-Control: max-age=0") == 0)
        #expect(seconds(modified, "Expires: 0") == 0)
    }

    @Test func onlySomeStatusesAreMeant() {
        for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
            #expect(seconds(modified, status: status) == 100)
        }
        for status in [201, 202, 302, 307, 400, 403, 500, 502, 503, 504, 599] {
            #expect(seconds(modified, status: status) == nil)
            #expect(seconds(modified, "Cache-Control: public", status: status) == 100)
        }
    }

    @Test func negativeCachingIsForStatusesThatAreNamed() {
        func judged(_ status: Int, _ fields: String...) -> Storability {
            var settings = CacheRulesSettings()
            settings.negativeSeconds = [404: 5, 503: 1, 200: 9]
            return ResponseRules(settings).judge(
                .get, hasAuthorization: false, status: status, fields: lines(fields),
                requestMilliseconds: arrivalSeconds * 1000, responseMilliseconds: arrivalSeconds * 1000)
        }
        #expect(judged(404).freshSeconds == 5)
        #expect(judged(503).freshSeconds == 1)
        #expect(judged(404, "Cache-Control: max-age=60").freshSeconds == 60)
        #expect(judged(404, "Cache-Control: no-store") == .uncacheable)
        #expect(judged(404, "Expires: 0") == .shareOnce)
        #expect(judged(410) == .shareOnce)
        #expect(judged(200) == .shareOnce)
    }
}

@Suite struct StorabilityTests {
    @Test func everyFinalStatusIsStoredWithExplicitFreshness() {
        for status in [
            200, 201, 203, 204, 299, 301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 499, 500, 502, 504, 599,
        ] {
            #expect(judge("Cache-Control: max-age=60", status: status).freshSeconds == 60)
        }
        for status in [100, 101, 103, 206, 304, 407, 412, 416] {
            #expect(judge("Cache-Control: max-age=60", status: status) == .uncacheable)
        }
        #expect(judge("Cache-Control: max-age=60", status: 206, storesPartial: true).freshSeconds == 60)
    }

    @Test func errorsAreSharedByThoseWhoWait() {
        #expect(judge(status: 500) == .shareOnce)
        #expect(judge(status: 302) == .shareOnce)
        #expect(judge("ETag: \"a\"", status: 500) == .shareOnce)
        #expect(judge(status: 401) == .uncacheable)
    }

    @Test func whatBelongsToOneIsNobodyElses() {
        #expect(judge("Cache-Control: no-store") == .uncacheable)
        #expect(judge("Cache-Control: max-age=60, No-StOrE", "Expires: \(date(30))") == .uncacheable)
        #expect(judge("Cache-Control: private, max-age=60") == .uncacheable)
        #expect(judge("Cache-Control: max-age=60", "Vary: *") == .uncacheable)
        #expect(judge("Cache-Control: max-age=60", "Vary: accept-language").freshSeconds == 60)
    }

    @Test func cookiesAreAMatterOfSettings() {
        let fields = ["Cache-Control: max-age=60", "Set-Cookie: a=b"]
        #expect(judge(fields[0], fields[1]) == .uncacheable)
        #expect(judge(fields[0], fields[1]) { $0.storesSetCookie = true }.freshSeconds == 60)
        let named = judge(fields[0], fields[1], "Cache-Control: no-cache=\"Set-Cookie\"")
        #expect(named.freshSeconds == 60)
        #expect(named.freshness?.fieldsNotReused.map(text) == ["set-cookie"])
    }

    @Test func namedFieldsAreNotReused() {
        let freshness = judge("Cache-Control: private=\"a\", no-cache=\"b\"", "Cache-Control: max-age=60").freshness
        #expect(freshness?.fieldsNotReused.map(text) == ["a", "b"])
        #expect(freshness?.alwaysRevalidate == false)
        #expect(freshness.map { texts($0.storedFields(of: lines(["a: 1", "c: 2", "b: 3", "a: 4"]))) } == ["c: 2"])
    }

    @Test func authorizedRequestsNeedAPermission() {
        #expect(judge("Cache-Control: max-age=60", hasAuthorization: true) == .uncacheable)
        #expect(judge("Expires: \(date(30))", hasAuthorization: true) == .uncacheable)
        for permission in ["public", "must-revalidate", "s-maxage=60"] {
            #expect(judge("Cache-Control: max-age=60, \(permission)", hasAuthorization: true).freshSeconds == 60)
        }
        #expect(judge("Cache-Control: max-age=60, proxy-revalidate", hasAuthorization: true) == .uncacheable)
        #expect(judge("CDN-Cache-Control: public, max-age=6", hasAuthorization: true).freshSeconds == 6)
    }

    @Test func noStoreIsForCachesThatDoNotUnderstand() {
        #expect(judge("Cache-Control: max-age=60, no-store, must-understand").freshSeconds == 60)
        #expect(judge("Cache-Control: max-age=60, no-store, must-understand", status: 599) == .uncacheable)
        #expect(judge("Cache-Control: max-age=60, must-understand", status: 299) == .uncacheable)
        #expect(judge("Cache-Control: max-age=60, private, must-understand") == .uncacheable)
    }

    @Test func noCacheIsValidatedEachTime() {
        let freshness = judge("Cache-Control: max-age=60, no-cache", "ETag: \"a\"").freshness
        #expect(freshness?.alwaysRevalidate == true)
        #expect(freshness?.freshAfterArrivalMilliseconds == 0)
        #expect(judge("Cache-Control: no-cache", "ETag: \"a\"").freshness?.alwaysRevalidate == true)
        #expect(judge("Cache-Control: max-age=60, no-cache") == .shareOnce)
    }

    @Test func methodsOtherThanGetAreStoredForGetOnlyWhenTheySaySo() {
        #expect(judge("Cache-Control: max-age=60", request: .head) == .uncacheable)
        #expect(judge("Cache-Control: max-age=60", request: .other) == .uncacheable)
        #expect(judge("Cache-Control: max-age=60", request: .post(namesTarget: false)) == .uncacheable)
        #expect(judge("Cache-Control: max-age=60", request: .post(namesTarget: true)).freshSeconds == 60)
        #expect(judge("ETag: \"a\"", request: .post(namesTarget: true)) == .uncacheable)
    }

    @Test func targetedDirectivesTakeThePlaceOfTheOthers() {
        #expect(judge("Cache-Control: max-age=9", "CDN-Cache-Control: max-age=1").freshSeconds == 1)
        #expect(judge("Cache-Control: no-store", "CDN-Cache-Control: max-age=10000").freshSeconds == 10_000)
        #expect(judge("CDN-Cache-Control: max-age=0", "Expires: \(date(30))") == .shareOnce)
        #expect(judge("CDN-Cache-Control: max-age=30", "Expires: 0").freshSeconds == 30)
        #expect(judge("CDN-Cache-Control: foo", "Cache-Control: max-age=60", "Expires: \(date(30))") == .shareOnce)
        #expect(judge("CDN-Cache-Control: private", "Cache-Control: max-age=60") == .uncacheable)
        #expect(judge("CDN-Cache-Control: max-age=60", "Age: 70") == .shareOnce)
        #expect(judge("CDN-Cache-Control: max-age=10000, &&&&&", "Cache-Control: no-store") == .uncacheable)
        #expect(judge("CDN-Cache-Control: max-age=\"10000\"", "Cache-Control: no-store") == .shareOnce)
        #expect(judge("CDN-Cache-Control: max-age =100", "Cache-Control: max-age=1").freshSeconds == 1)
    }
}

/// RFC 5861, and what forbids it.
@Suite struct StaleTests {
    private func stale(
        _ control: String, _ change: (inout CacheRulesSettings) -> Void = { _ in }
    ) -> (whileRevalidate: Int64, ifError: Int64, mustRevalidate: Bool)? {
        judge("Cache-Control: max-age=2, \(control)") { change(&$0) }.freshness.map {
            ($0.staleWhileRevalidateMilliseconds / 1000, $0.staleIfErrorMilliseconds / 1000, $0.mustRevalidate)
        }
    }

    @Test func theResponseGrantsIt() throws {
        #expect(try #require(stale("stale-while-revalidate=10, stale-if-error=20")) == (10, 20, false))
        #expect(try #require(stale("x")) == (0, 0, false))
        #expect(try #require(stale("x") { $0.defaultStaleIfErrorSeconds = 60 }) == (0, 60, false))
        #expect(try #require(stale("stale-if-error=0") { $0.defaultStaleIfErrorSeconds = 60 }) == (0, 0, false))
    }

    @Test(arguments: ["must-revalidate", "proxy-revalidate", "s-maxage=2"])
    func itIsForbidden(directive: String) throws {
        #expect(try #require(stale(directive) { $0.defaultStaleIfErrorSeconds = 60 }) == (0, 0, true))
    }

    @Test(arguments: ["must-revalidate", "proxy-revalidate", "no-cache"])
    func aProhibitionWinsOverAGrant(directive: String) {
        let judged = judge(
            "ETag: \"a\"", "Cache-Control: max-age=2, stale-while-revalidate=9, stale-if-error=9, \(directive)")
        #expect(judged.freshness?.mayServeStaleOnError(residentMilliseconds: 2000) == false)
        #expect(judged.freshness?.staleWhileRevalidateMilliseconds == 0)
    }

    @Test func whetherASharedLifetimeForbidsIsASetting() throws {
        let control = "s-maxage=2, stale-while-revalidate=10"
        #expect(try #require(stale(control) { $0.defaultStaleIfErrorSeconds = 60 }) == (10, 0, false))
        #expect(try #require(stale(control) { $0.sharedMaxAgeYieldsToStaleDirectives = false }) == (0, 0, true))
    }

    @Test func whatIsStaleOnArrivalIsKeptForItsUses() {
        #expect(judge("Cache-Control: max-age=0, stale-while-revalidate=9").freshness != nil)
        #expect(judge("Cache-Control: max-age=0, stale-if-error=9").freshness != nil)
        #expect(judge("Cache-Control: max-age=9", "Age: 10") { $0.defaultStaleIfErrorSeconds = 9 }.freshness != nil)
        #expect(judge("Cache-Control: max-age=0") { $0.defaultStaleIfErrorSeconds = 9 } == .shareOnce)
        #expect(judge("Cache-Control: max-age=0, stale-if-error=9", "Age: 10") == .shareOnce)
        #expect(judge("Cache-Control: max-age=9", "Age: 10") == .shareOnce)
    }
}
