// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

private func validators(_ fields: String...) -> StoredValidators { StoredValidators(lines(fields)) }

@Suite struct ConditionalRequestTests {
    @Test func validatorsAreSentAsTheyCame() {
        let stored = validators("ETag: W/\"a\"", "Last-Modified: \(date(-9))")
        #expect(
            texts(ConditionalRequest.fields(selected: stored))
                == ["if-none-match: W/\"a\"", "if-modified-since: \(date(-9))"])
        #expect(texts(ConditionalRequest.fields(selected: validators("ETag: abcdef"))) == ["if-none-match: abcdef"])
        #expect(ConditionalRequest.fields(selected: validators("X: y")).isEmpty)
    }

    @Test(arguments: ["ETag: a,b", "ETag: a b", "ETag: *", "ETag:", "Last-Modified: yesterday"])
    func whatIsNoValidatorIsNotSent(field: String) {
        #expect(!validators(field).isUsable)
    }

    @Test func allVariantsAreAskedAboutByTheirTags() {
        let others = [validators("ETag: \"b\"", "Last-Modified: \(date(-9))"), validators("ETag: \"a\"")]
        #expect(
            texts(ConditionalRequest.fields(selected: validators("ETag: \"a\""), others: others))
                == ["if-none-match: \"a\", \"b\""])
        #expect(texts(ConditionalRequest.fields(selected: nil, others: others)) == ["if-none-match: \"b\", \"a\""])
    }

    @Test func theListHasALimit() throws {
        let others = (0..<50).map { validators("ETag: \"\($0)\"") }
        let list = try #require(ConditionalRequest.fields(selected: others[0], others: others).first)
        #expect(list.value.split(separator: UInt8(ascii: ",")).count == ConditionalRequest.tagsMax)
        let long = validators("ETag: \"" + String(repeating: "x", count: ConditionalRequest.tagBytesMax) + "\"")
        #expect(ConditionalRequest.fields(selected: long, others: others)[0].value == long.etag)
    }

    @Test func onlyStrongValidatorsCompleteAResponse() {
        #expect(ConditionalRequest.ifRange(validators("ETag: \"a\"")).map { texts([$0]) } == ["if-range: \"a\""])
        #expect(ConditionalRequest.ifRange(validators("ETag: W/\"a\"", "Last-Modified: \(date(-9))")) == nil)
        #expect(ConditionalRequest.ifRange(validators("ETag: abc")) == nil)
        #expect(ConditionalRequest.ifRange(validators("Last-Modified: \(date(-9))")) == nil)
        let late = validators("Last-Modified: \(date(-9))", "Date: \(date(0))")
        #expect(ConditionalRequest.ifRange(late).map { texts([$0]) } == ["if-range: \(date(-9))"])
        #expect(ConditionalRequest.ifRange(validators("Last-Modified: \(date(0))", "Date: \(date(0))")) == nil)
    }
}

@Suite struct ValidationMatchTests {
    private let stored = [
        validators("ETag: \"a\""), validators("ETag: W/\"b\""), validators("ETag: \"b\""), validators("ETag: \"a\""),
        validators("Last-Modified: \(date(-9))"), validators("Last-Modified: \(date(-9))"), validators("ETag: raw"),
    ]

    private func updated(_ fields: String..., asked: Int? = nil) -> [Int] {
        ValidationMatch.updated(by: lines(fields), stored: stored, asked: asked)
    }

    @Test func aStrongTagUpdatesAllThatHaveIt() {
        #expect(updated("ETag: \"a\"") == [0, 3])
        #expect(updated("ETag: \"b\"") == [2])
        #expect(updated("ETag: \"c\"", asked: 0) == [])
    }

    @Test func aWeakValidatorUpdatesTheMostRecent() {
        #expect(updated("ETag: W/\"b\"") == [1])
        #expect(updated("ETag: W/\"a\"") == [0])
        #expect(updated("ETag: W/\"c\"", asked: 1) == [])
        #expect(updated("Last-Modified: \(date(-9))") == [4])
        #expect(updated("Last-Modified: \(date(-9))", asked: 5) == [5])
        #expect(updated("Last-Modified: \(date(-8))", asked: 4) == [])
        #expect(updated("ETag: raw") == [6])
    }

    @Test func anAnswerWithoutValidatorsIsAboutTheOnlyOneAsked() {
        #expect(updated("X: y", asked: 0) == [])
        let one = [validators("Last-Modified: \(date(-9))")]
        #expect(ValidationMatch.updated(by: [], stored: one, asked: 0) == [0])
        #expect(ValidationMatch.updated(by: [], stored: one, asked: nil) == [])
        #expect(ValidationMatch.updated(by: [], stored: one, asked: 7) == [])
        #expect(ValidationMatch.updated(by: [], stored: [], asked: 0) == [])
    }
}

@Suite struct FieldMergeTests {
    private func merged(_ stored: [String], _ new: [String], leavingOut: [String] = []) -> [String] {
        texts(FieldMerge.merged(lines(stored), with: lines(new), leavingOut: leavingOut.map(bytes)))
    }

    @Test func linesOfOneNameAreReplacedTogether() {
        #expect(merged(["a: 1", "b: 1", "a: 2"], ["a: 3", "c: 4"]) == ["b: 1", "a: 3", "c: 4"])
        #expect(merged(["a: 1"], ["a: 2", "a: 3"]) == ["a: 2", "a: 3"])
    }

    @Test(arguments: [
        "content-length", "content-encoding", "content-range", "connection", "keep-alive", "proxy-connection",
        "proxy-authenticate", "proxy-authentication-info", "proxy-authorization", "te", "trailer", "transfer-encoding",
        "upgrade",
    ])
    func someFieldsStay(name: String) {
        #expect(merged(["\(name): 1"], ["\(name): 2"]) == ["\(name): 1"])
        #expect(merged([], ["\(name): 2"]) == [])
    }

    @Test(arguments: [
        "cache-control", "content-type", "content-location", "content-md5", "content-security-policy", "etag",
        "expires",
        "x-frame-options", "vary", "last-modified", "test",
    ])
    func othersAreUpdated(name: String) {
        #expect(merged(["\(name): 1"], ["\(name): 2"]) == ["\(name): 2"])
        #expect(merged(["\(name): 1"], ["other: 2"]) == ["\(name): 1", "other: 2"])
    }

    @Test func theOldMomentGoes() {
        #expect(merged(["date: \(date(-9))", "age: 5"], []) == [])
        #expect(merged(["date: \(date(-9))", "age: 5"], ["date: \(date(0))"]) == ["date: \(date(0))"])
    }

    @Test func whatMustNotBeStoredIsLeftOut() {
        #expect(merged(["a: 1"], ["set-cookie: x", "a: 2"], leavingOut: ["set-cookie"]) == ["a: 2"])
    }
}

@Suite struct HeadEffectTests {
    private func effect(
        _ fields: String..., status: Int = 200, length: Int? = nil, storedStatus: Int = 200,
        stored: StoredValidators? = nil, storedLength: Int? = 10
    ) -> HeadEffect {
        HeadEffect(
            status: status, fields: lines(fields), length: length, storedStatus: storedStatus,
            stored: stored ?? validators("ETag: \"a\"", "Last-Modified: \(date(-9))"), storedLength: storedLength)
    }

    @Test func aResponseThatAgreesUpdates() {
        #expect(effect("X: y") == .update)
        #expect(effect("ETag: \"a\"", "Last-Modified: \(date(-9))", length: 10) == .update)
        #expect(effect(length: 11, storedLength: nil) == .update)
    }

    @Test func aResponseThatDisagreesMakesStale() {
        #expect(effect("ETag: \"b\"") == .markStale)
        #expect(effect("Last-Modified: \(date(-8))") == .markStale)
        #expect(effect(length: 11) == .markStale)
        #expect(effect("ETag: \"b\"", stored: validators()) == .markStale)
        #expect(effect("X: y", storedStatus: 404) == .markStale)
    }

    @Test func otherStatusesSayNothing() {
        #expect(effect("ETag: \"b\"", status: 410) == .none)
        #expect(effect("ETag: \"b\"", status: 304) == .none)
    }
}
