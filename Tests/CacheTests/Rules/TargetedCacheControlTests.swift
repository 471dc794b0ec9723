// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct TargetedCacheControlTests {
    private func parse(_ lines: String...) -> CacheControl? { TargetedCacheControl.parse(lines.map(bytes)) }

    @Test func directivesAreRead() {
        var expected = CacheControl()
        expected.maxAge = 3600
        expected.sharedMaxAge = 5
        expected.staleWhileRevalidate = 1
        expected.staleIfError = 2
        expected.mustRevalidate = true
        #expect(
            parse(
                "max-age=3600, foobar, must-revalidate", "s-maxage=5;x=\"y\", stale-while-revalidate=1,stale-if-error=2"
            )
                == expected)
        #expect(parse("no-store")?.noStore == true)
        #expect(parse("private")?.isPrivate == true)
        #expect(parse("no-cache")?.noCache == true)
        #expect(parse("no-cache=\"A, b\"")?.fieldsNotReused.map(text) == ["a", "b"])
        #expect(parse("public, must-understand, no-transform, immutable, proxy-revalidate")?.isPublic == true)
    }

    @Test func theLastOfSeveralCounts() {
        #expect(parse("max-age=1, max-age=2")?.maxAge == 2)
        #expect(parse("no-store, no-store=?0")?.noStore == false)
    }

    @Test func bigNumbersAreCut() {
        #expect(parse("max-age=99999999999")?.maxAge == DeltaSeconds.max)
        #expect(parse("max-age=-5")?.maxAge == 0)
    }

    @Test func aValueOfAnotherTypeIsNotTakenForOne() {
        #expect(parse("max-age=\"10000\"")?.maxAge == 0)
        #expect(parse("max-age=10.5")?.maxAge == 0)
        #expect(parse("max-age")?.maxAge == 0)
        #expect(parse("max-age=(1 2)")?.maxAge == 0)
        #expect(parse("no-store=\"x\"")?.noStore == true)
        #expect(parse("private=1")?.isPrivate == true)
        #expect(parse("private=?0")?.isPrivate == false)
        #expect(parse("public=1")?.isPublic == false)
    }

    @Test(arguments: [
        "", "   ", "max-age=10000, &&&&&", "MaX-aGe=3600", "max-age =100", "max-age= 100", "max-age=100,",
        ",max-age=100",
        "max-age=100 public", "max-age='1'", "max-age=1234567890123456", "max-age=1.", "max-age=1.1234", "a=\"x",
        "a=\"\\x\"",
        "a=?2", "a=:x", "a=@1.5", "a=(1", "a=(1\"x\")", "a=1;B", "a=1;b=", "a=%\"%\"", "a=%\"%G0\"", "a=", "a=\u{7F}",
        "a=\"\u{E9}\"", "a;", "=1",
    ])
    func oneErrorMakesTheFieldAbsent(text: String) {
        #expect(parse(text) == nil)
    }

    @Test(arguments: [
        "a=1.5", "a=-0.123", "a=tok/en:x", "a=*t", "a=:aGk=:", "a=@-5", "a=%\"x%c3%a9\"", "a=( 1  \"x\";q=1 t );p",
        "*a=1",
        "a;b;c=2", "a=\"q\\\"\\\\\"", "a-b_c.d*=1 ,\t b",
    ])
    func everyTypeIsUnderstood(text: String) {
        #expect(parse(text + ", max-age=7")?.maxAge == 7)
    }

    @Test func thereIsALimit() {
        let many = (0...TargetedCacheControl.membersMax).map { "a\($0)" }.joined(separator: ",")
        #expect(parse(many) == nil)
    }
}
