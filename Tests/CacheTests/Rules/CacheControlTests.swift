// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct CacheControlTests {
    private func parse(_ lines: String...) -> CacheControl { CacheControl(lines.map(bytes)) }

    @Test func directivesAreReadInAnyCaseAndOrder() {
        let control = parse(
            "Public, MAX-AGE=60 , s-maxage=\"30\",, stale-while-revalidate=10", "No-Transform,immutable")
        #expect(control.isPublic && control.noTransform && control.immutable)
        #expect(control.maxAge == 60)
        #expect(control.sharedMaxAge == 30)
        #expect(control.staleWhileRevalidate == 10)
        #expect(!control.noStore && !control.isPrivate && !control.noCache && !control.mustRevalidate)
    }

    @Test func flagsAreReadWhateverTheirArgument() {
        let control = parse("no-store=1, must-revalidate=\"x\", proxy-revalidate, must-understand, stale-if-error=5")
        #expect(control.noStore && control.mustRevalidate && control.proxyRevalidate && control.mustUnderstand)
        #expect(control.staleIfError == 5)
    }

    @Test(
        arguments: [
            ("max-age=0", 0), ("max-age=003600", 3600), ("max-age=\"3600\"", 3600), ("max-age=\"36\\00\"", 3600),
            ("max-age=2147483647", 2_147_483_647), ("max-age=2147483648", 2_147_483_648),
            ("max-age=2147483649", 2_147_483_648), ("max-age=99999999999999999999999", 2_147_483_648),
        ] as [(String, Int64)])
    func numbersAreReadAndCut(text: String, expected: Int64) {
        #expect(parse(text).maxAge == expected)
    }

    @Test(arguments: [
        "max-age", "max-age=", "max-age=\"\"", "max-age=x", "max-age=-1", "max-age=+1", "max-age=1.5", "max-age=3600.0",
        "max-age='3600'", "max-age=a3600", "max-age=3600a", "max-age =3600", "max-age= 3600", "max-age=\t3600",
        "max-age=\"3600", "max-age=\"3600\"x", "max-age=\" 3600\"", "max-age==3600", "max-age=3600;x=1",
    ])
    func aNumberThatIsNoneIsStale(text: String) {
        #expect(parse(text).maxAge == 0)
    }

    @Test func theFirstOfSeveralNumbersCounts() {
        #expect(parse("max-age=1800, max-age=1").maxAge == 1800)
        #expect(parse("max-age=1", "max-age=1800").maxAge == 1)
        #expect(parse("max-age=x, max-age=1800").maxAge == 0)
    }

    @Test func whatStandsInQuotesIsNoDirective() {
        #expect(parse("extension=\"max-age=3600\", max-age=1").maxAge == 1)
        #expect(parse("extension=\"x, max-age=3600\"").maxAge == nil)
        #expect(parse("extension=\"x\\\", no-store\", max-age=1") == parse("max-age=1"))
        #expect(!parse("a=\"no-store\"").noStore)
    }

    @Test func openQuotesHideNothingThatRestricts() {
        let control = parse("extension=\"x, no-store, max-age=3600")
        #expect(control.noStore)
        #expect(control.maxAge == 0)
        #expect(parse("extension=\"x", "max-age=60").maxAge == 60)
    }

    @Test func namedFieldsOnlyAreRestricted() {
        let control = parse("no-cache=\"Set-Cookie, x-a\", private=\"X-B,x-a\", max-age=1")
        #expect(!control.noCache && !control.isPrivate)
        #expect(control.fieldsNotReused.map(text) == ["set-cookie", "x-a", "x-b"])
        #expect(parse("no-cache=x-a").fieldsNotReused.map(text) == ["x-a"])
    }

    @Test(arguments: [
        "no-cache", "no-cache=", "no-cache=\"\"", "no-cache=\", ,\"", "no-cache=\"a b\"", "No-CaChE =\"a\"",
    ])
    func withoutAReadableListTheWholeResponseIsMeant(text: String) {
        #expect(parse(text).noCache)
        #expect(parse(text.lowercased().replacingFirst("no-cache", with: "private")).isPrivate)
    }

    @Test func manyFieldsAreTheWholeResponse() {
        let names = (0...CacheControl.fieldsNotReusedMax).map { "x-\($0)" }.joined(separator: ",")
        #expect(parse("no-cache=\"\(names)\"").noCache)
    }

    @Test func theLastOfManyDirectivesIsRead() {
        let many = (0..<5000).map { "x\($0)" }.joined(separator: ",")
        #expect(parse(many + ",no-store").noStore)
        #expect(parse("x=\"" + many + ",no-store").noStore)
    }
}

@Suite struct RequestDirectivesTests {
    @Test func directivesAreRead() {
        let directives = RequestDirectives(
            [
                bytes("no-cache, no-store, only-if-cached"),
                bytes("max-age=5, min-fresh=\"6\", max-stale=7, stale-if-error=8"),
            ])
        #expect(directives.noCache && directives.noStore && directives.onlyIfCached)
        #expect(directives.maxAge == 5)
        #expect(directives.minFresh == 6)
        #expect(directives.maxStale == 7)
        #expect(directives.staleIfError == 8)
    }

    @Test func whatIsNoNumberGrantsNothing() {
        let directives = RequestDirectives([bytes("max-age=x, min-fresh=x, max-stale=x, stale-if-error=x")])
        #expect(directives.maxAge == 0)
        #expect(directives.minFresh == nil && directives.maxStale == nil && directives.staleIfError == nil)
        #expect(RequestDirectives([bytes("max-stale")]).maxStale == DeltaSeconds.max)
        #expect(RequestDirectives([bytes("nothing-to-see-here")]) == RequestDirectives())
    }
}

extension String {
    fileprivate func replacingFirst(_ part: String, with other: String) -> String {
        hasPrefix(part) ? other + dropFirst(part.count) : self
    }
}
