// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct VaryRuleTests {
    private func parse(_ values: String..., answered: [String] = []) -> VaryRule.Parsed {
        VaryRule.parse(values.map(bytes), answered: answered.map(bytes))
    }

    private func rule(_ values: String...) throws -> VaryRule {
        guard case .selecting(let rule) = VaryRule.parse(values.map(bytes)) else { throw NoRule() }
        return rule
    }

    private struct NoRule: Error {}

    @Test func namesAreReadFromAllLines() {
        #expect(parse() == .independent)
        #expect(parse("", " , ") == .independent)
        #expect(parse("Foo, bar", "FOO,,baz") == .selecting(VaryRule(names: ["bar", "baz", "foo"].map(bytes))))
    }

    @Test(arguments: ["*", "*, *", ", *", "*, Foo", "Foo, *", "Foo Bar", "Foo;q=1", "\"foo\""])
    func whatCanNotBeMatched(value: String) {
        #expect(parse(value) == .unmatchable)
        #expect(parse("", value) == .unmatchable)
    }

    @Test func tooManyNamesAreNotTried() {
        let names = (0...VaryRule.namesMax).map { "f\($0)" }
        #expect(parse(names.joined(separator: ",")) == .unmatchable)
        #expect(parse(names.dropLast().joined(separator: ",")) != .unmatchable)
    }

    @Test func whatIsAnsweredHereIsLeftOut() {
        #expect(parse("Accept-Encoding, Origin", answered: ["accept-encoding", "origin"]) == .independent)
        #expect(parse("Accept-Encoding, a", answered: ["accept-encoding"]) == parse("a"))
        #expect(parse("Accept-Encoding, *", answered: ["accept-encoding"]) == .unmatchable)
    }

    @Test(
        arguments: [
            (["Foo: 1"], ["Foo: 1", "Other: 3"], true), (["Foo: 1"], ["Foo: 2"], false), (["Foo: 1"], [], false),
            ([], ["Foo: 1"], false), ([], ["Foo:"], false), ([], ["Other: 1"], true),
            (["Foo: 1, 2"], ["Foo: 1", "Foo: 2"], true),
            (["Foo: 1,2"], ["Foo:  1 ,\t2 "], true), (["Foo: 1,2"], ["Foo: 2,1"], false),
            (["Foo: a b"], ["Foo: ab"], false),
            (["Foo: \"1, 2\""], ["Foo: \"1,2\""], false), (["Foo: \"1"], ["Foo: \"1"], true),
            (["Foo: A"], ["Foo: a"], false),
            (["Foo: 1", "Bar: 2"], ["Bar: 2", "Foo: 1"], true), (["Foo: 1", "Bar: 2"], ["Foo: 1"], false),
            (["Foo: 12"], ["Foo: 1", "Bar: 2"], false),
        ] as [([String], [String], Bool)])
    func requestsMatch(stored: [String], presented: [String], expected: Bool) throws {
        let rule = try rule("Foo, Bar")
        let key = try #require(rule.key(of: lines(stored)))
        #expect(rule.matches(key, lines(presented)) == expected)
        #expect(try (key.stableHash == #require(rule.key(of: lines(presented))).stableHash) == expected)
    }

    @Test(arguments: [
        ("de, en", true), ("eN , De", true), ("en;q=1, de", false), ("en, de, fr", false), ("en,, de", true),
    ])
    func languagesHaveNoOrderAndNoCase(presented: String, expected: Bool) throws {
        let rule = try rule("Accept-Language")
        let key = try #require(rule.key(of: lines(["Accept-Language: en, de"])))
        #expect(rule.matches(key, lines(["Accept-Language: \(presented)"])) == expected)
    }

    @Test func keysOfDifferentRulesDiffer() throws {
        let request = lines(["a: 1", "b: 1"])
        #expect(try rule("a").key(of: request) != rule("b").key(of: request))
        #expect(try rule("a").key(of: request) != rule("a, b").key(of: request))
        #expect(try rule("b, a").key(of: request) == rule("A", "B").key(of: request))
    }

    @Test func longValuesHaveNoKey() throws {
        let long = lines(["a: " + String(repeating: "x", count: VaryRule.keyBytesMax)])
        let rule = try rule("a")
        #expect(rule.key(of: long) == nil)
        #expect(try !rule.matches(#require(rule.key(of: [])), long))
    }

    @Test func hashesAreTheSameInEveryProcess() {
        #expect(VariantKey.independent.stableHash == 0xCBF2_9CE4_8422_2325)
        #expect(VariantKey(bytes("a")).stableHash == 0xAF63_DC4C_8601_EC8C)
    }
}
