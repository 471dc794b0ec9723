// SPDX-License-Identifier: Apache-2.0

import Fuzzing
import Testing

@testable import Cache

/// Damaged fields of upstreams and clients: no value traps, and none makes a response more usable than it may be.
@Suite struct RulesFuzzTests {
    @Test func directivesKeepWhatRestricts() {
        let corpus = [
            "max-age=60, x=\"a, b\", s-maxage=\"5\"", "private=\"a, b\", no-cache=c, stale-if-error=9", "a=\"\\\"\"",
        ]
        let words = [",", "\"", "\\", "=", "no-store", "max-age=", "99999999999999999999", " ", "no-cache=\""]
        let problem = Fuzzer(corpus: corpus.map(bytes), words: words).run(iterations: 8000) { input, _ in
            let control = CacheControl([input])
            for number in [control.maxAge, control.sharedMaxAge, control.staleWhileRevalidate, control.staleIfError] {
                if let number, !(0...DeltaSeconds.max).contains(number) { return "a number is out of bounds" }
            }
            guard control.fieldsNotReused.allSatisfy(\.isToken) else { return "a field is no name" }
            _ = RequestDirectives([input])
            guard CacheControl([input, bytes("no-store")]).noStore else { return "a line hides the next" }
            // A directive in front of all others is in no quotes.
            return CacheControl([bytes("no-store,") + input]).noStore ? nil : "no-store is lost"
        }
        #expect(problem == nil)
    }

    @Test func dictionariesAreReadAsAWhole() {
        let corpus = [
            "max-age=60, a=1.5;b;c=\"x\", d=(1 \"a\");e", "no-cache=\"a, b\", f=:aGk=:, g=@1, h=%\"a%c3\", i=?0, j=t/x",
        ]
        let words = [",", ";", "=", "(", ")", "\"", "?1", "@", ":", "%\"", "-", ".", "*", "no-store"]
        var good = 0
        let problem = Fuzzer(corpus: corpus.map(bytes), words: words).run(iterations: 8000) { input, _ in
            guard let members = TargetedCacheControl.dictionary(input) else { return nil }
            good += 1
            guard Set(members.map(\.key)).count == members.count else { return "a key stands there twice" }
            guard !members.isEmpty else { return nil }
            // What is good stays good with a good member behind it.
            let control = TargetedCacheControl.parse([input, bytes("no-store")])
            return members.count == TargetedCacheControl.membersMax || control?.noStore == true
                ? nil : "no-store is lost"
        }
        #expect(problem == nil)
        #expect(good > 100)
    }

    @Test func datesAndRangesStayInBounds() {
        let corpus = [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
            "bytes 0-4/10",
            "bytes 4-9/*", "bytes */10",
        ]
        let words = ["9999", "0000", "99", "GMT", "UTC", " ", "-", "/", "*", "999999999999999999"]
        let problem = Fuzzer(corpus: corpus.map(bytes), words: words).run(iterations: 8000) { input, random in
            if let seconds = CacheDate.parse(input, presentSeconds: Int64(random.number(0...Int.max))) {
                guard abs(seconds) < 1 << 60 else { return "a date is out of bounds" }
            }
            if let range = ContentRange(input), let bytes = range.range {
                guard !bytes.isEmpty, bytes.upperBound <= range.total ?? .max else { return "a range is out of bounds" }
            }
            return nil
        }
        #expect(problem == nil)
    }

    @Test func aKeyMatchesTheRequestItIsOf() throws {
        let corpus = ["1, 2", "\"a, b\", c", "en;q=0.5, de", "a\\\"", ""]
        let words = [",", "\"", "\\", " ", "\t", "*", ";"]
        let problem = Fuzzer(corpus: corpus.map(bytes), words: words).run(iterations: 8000) { input, random in
            _ = VaryRule.parse([input])
            let rule = VaryRule(names: ["accept-language", "foo"].map(bytes))
            func request(_ value: [UInt8]) -> [FieldLine] {
                [(bytes("accept-language"), value), (bytes("foo"), value)]
            }
            guard let key = rule.key(of: request(input)) else { return nil }
            guard rule.matches(key, request(bytes(" ") + input + bytes("\t"))) else {
                return "it does not match itself"
            }
            guard !rule.matches(key, [(bytes("foo"), input)]) else { return "absent is like present" }
            // A letter more is another value.
            return rule.matches(key, request(input + bytes("z"))) ? "two values share a variant" : nil
        }
        #expect(problem == nil)
    }

    @Test func referencesStayInsideTheirTree() {
        let corpus = ["../../x?y#z", "//host:80/a/./b", "https://h/../a", "/a//b/..", "?q", ""]
        let words = ["..", "/", "//", "?", "#", ":", "http:", ".", "%2e"]
        let base = TargetURI(scheme: bytes("http"), authority: bytes("e"), pathAndQuery: bytes("/b/c?d"))
        let problem = Fuzzer(corpus: corpus.map(bytes), words: words).run(iterations: 8000) { input, _ in
            guard let target = base.resolve(input) else { return nil }
            guard target.pathAndQuery.first == UInt8(ascii: "/"), !target.pathAndQuery.contains(UInt8(ascii: "#"))
            else {
                return "it is no target"
            }
            let path = target.pathAndQuery.prefix { $0 != UInt8(ascii: "?") }
            let segments = path.split(separator: UInt8(ascii: "/"))
            guard !segments.contains(where: { $0.isEqual("..") || $0.isEqual(".") }) else { return "dots are left" }
            return target.isSame(target.pathAndQuery) || path.starts(with: bytes("//")) ? nil : "it is not itself"
        }
        #expect(problem == nil)
    }

    @Test func responsesAreJudgedWithoutATrap() {
        let corpus = [
            "cache-control: max-age=60\netag: \"a\"\nvary: foo\nage: 5",
            "expires: Sun, 06 Nov 1994 08:49:37 GMT\ndate: Sun, 06 Nov 1994 08:49:30 GMT\ncdn-cache-control: max-age=5",
            "last-modified: Sun, 06 Nov 1994 08:49:37 GMT\ncontent-range: bytes 0-4/10\nset-cookie: a\npragma: x",
        ]
        let words = ["\n", ": ", "no-store", "private", "9999999999999", "*", "no-cache", "stale-if-error=", "Age: "]
        var settings = CacheRulesSettings()
        settings.heuristicFraction = 0.5
        settings.defaultStaleIfErrorSeconds = .max
        let rules = ResponseRules(settings)
        let problem = Fuzzer(corpus: corpus.map(bytes), words: words).run(iterations: 8000) { input, random in
            let fields = lines(text(input).split(separator: "\n").filter { $0.contains(":") }.map(String.init))
            let status = random.number(0...1200)
            let judged = rules.judge(
                .get, hasAuthorization: false, status: status, fields: fields, storesPartial: true,
                requestMilliseconds: 0, responseMilliseconds: Int64(random.number(0...(1 << 50))))
            let conditions = ConditionalRequest.fields(
                selected: StoredValidators(fields), others: [StoredValidators(fields)])
            guard conditions.count <= 2 else { return "too many conditions" }
            _ = PartialContent(asked: .suffix(length: 5), fields: fields, contentLength: nil, stored: nil)
            _ = FieldMerge.merged(fields, with: fields)
            guard let freshness = judged.freshness else { return nil }
            guard (200...999).contains(status) else { return "no final status is stored" }
            let fresh = freshness.freshAfterArrivalMilliseconds
            return fresh <= freshness.usableAfterArrivalMilliseconds
                && fresh <= freshness.usableOnErrorAfterArrivalMilliseconds ? nil : "spans are in disorder"
        }
        #expect(problem == nil)
    }
}
