// SPDX-License-Identifier: Apache-2.0

import Cache
import Testing

@testable import Edge

@Suite struct PurgeRequestTests {
    private func rule(
        _ kind: PurgeKind, _ value: String = "", site: String = "", soft: Bool = false
    ) throws -> PurgeRule {
        try #require(PurgeRule(kind, Array(value.utf8), site: Array(site.utf8), isSoft: soft))
    }

    @Test func itemsAreTakenInTheirOrder() throws {
        let query = "url=/a%3Fx=1&prefix=/v/x/&surrogate-key=v%2F1&url=/b"
        let request = try PurgeRequest(query: query.utf8)
        let expected = try [
            rule(.url, "/a?x=1"), rule(.prefix, "/v/x/"), rule(.surrogateKey, "v/1"), rule(.url, "/b"),
        ]
        #expect(request.rules.count == 4)
        #expect(Set(request.rules) == Set(expected))
        #expect(request.summary.contains("url=/a?x=1") && request.summary.contains("surrogate-key=v/1"))
    }

    @Test func softAndSiteHoldForAllItems() throws {
        let request = try PurgeRequest(query: "soft=1&all=1&site=Media.Example".utf8)
        #expect(try request.rules == [rule(.everything, site: "media.example", soft: true)])
        #expect(try PurgeRequest(query: "all=true&soft=0".utf8).rules == [rule(.everything)])
    }

    @Test(arguments: [
        ("", "nothing is named"), ("all=0", "nothing is named"), ("soft=1", "nothing is named"),
        ("url=a", "`url` does not begin with `/`: `a`"), ("url", "`url` is empty"),
        ("prefix=/a%3f", "`prefix` holds a query"), ("urls=/a", "`urls` is not a parameter"),
        ("url=/a%2", "`url` holds a `%` without two hexadecimal digits"),
        ("url=/a%zz", "`url` holds a `%` without two hexadecimal digits"),
        ("url=/a%00", "`url` holds something else than visible ASCII"), ("all=yes", "`all` is neither 1 nor 0"),
        ("all=1&site=", "`site` is not a host"),
        ((0...1000).map { "url=/\($0)" }.joined(separator: "&"), "there are more than 1000 items"),
    ]) func wrongQueriesAreNamed(query: String, reason: String) {
        #expect {
            _ = try PurgeRequest(query: query.utf8)
        } throws: { error in
            (error as? PurgeRequest.Refusal)?.reason.hasPrefix(reason) == true
        }
    }

    @Test func whatTheCommandEncodesIsReadBack() throws {
        let value = "/a b+c&d=e?f%#/é".filter { $0.isASCII && $0 != " " }
        let request = try PurgeRequest(query: ("url=" + percentEncoded(value)).utf8)
        #expect(try request.rules == [rule(.url, value)])
    }
}
