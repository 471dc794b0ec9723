// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Foundation
import Net
import Testing

@testable import Edge

@Suite struct GzipTests {
    @Test func theResultIsGzipOfTheBody() throws {
        let text = String(repeating: "#EXTINF:6.000,\n0.m4s\n", count: 200)
        let bytes = try #require(Gzip.compress(BytesBody(text.utf8), length: text.utf8.count))
        #expect(bytes.starts(with: [0x1F, 0x8B, 8]))
        #expect(bytes.count < text.utf8.count / 10)
        // RFC 1952 section 2.3.1: the last four bytes are the length.
        let length = bytes.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(length == text.utf8.count)
    }

    @Test func whatDoesNotPayIsNotKept() {
        var random = SystemRandomNumberGenerator()
        let noise = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) }
        #expect(Gzip.compress(BytesBody(noise), length: noise.count) == nil)
        #expect(Gzip.compress(BytesBody("short".utf8), length: 5) == nil)
        #expect(Gzip.compress(BytesBody("cut off".utf8), length: 500) == nil)
    }

    @Test(arguments: [("\"abc\"", "\"abc-gzip\""), ("W/\"abc\"", "W/\"abc\""), ("", "")])
    func aStrongTagBecomesAnother(etag: String, expected: String) {
        let fields = [(name: Array("etag".utf8), value: Array(etag.utf8))]
        let head = ObjectHead(status: 200, stored: fields, sent: fields, ObjectHead.Facts())
        #expect(GzipVariant.etag(of: head) == Array(expected.utf8))
    }

    @Test(arguments: [
        ("text/vtt", true), ("Application/VND.apple.mpegURL; charset=utf-8", true), ("video/mp4", false), ("", false),
        ("text/vttx", false),
    ]) func typesAreCovered(type: String, expected: Bool) {
        #expect(CompressionRules().covers(contentType: Array(type.utf8)) == expected)
    }
}

@Suite struct CrossOriginTests {
    private func tag(_ rules: CrossOriginRules, _ origin: String) -> Int {
        Array(origin.utf8).withUnsafeBytes { CrossOrigin(rules).tag(for: $0) }
    }

    private func names(_ block: FieldBlock) -> [String] {
        block.fields.map { "\(String(decoding: $0.name, as: UTF8.self)): \(String(decoding: $0.value, as: UTF8.self))" }
    }

    @Test func everyOriginIsTheSameToAStar() {
        let rules = CrossOriginRules(allowOrigins: ["*"])
        #expect(tag(rules, "https://a.example") == 1)
        #expect(tag(rules, "") == 0)
        for tag in 0...1 { #expect(names(CrossOrigin(rules).fields(tag)).first == "access-control-allow-origin: *") }
    }

    @Test func namedOriginsAreComparedWhole() {
        let rules = CrossOriginRules(
            allowOrigins: ["https://a.example", "https://b.example:8443"], allowCredentials: true)
        #expect(tag(rules, "https://a.example") == 1)
        #expect(tag(rules, "https://b.example:8443") == 2)
        for origin in ["https://b.example", "http://a.example", "https://a.example.evil", "https://A.example", "null"] {
            #expect(tag(rules, origin) == 0)
        }
        let fields = names(CrossOrigin(rules).fields(2))
        #expect(fields.contains("access-control-allow-origin: https://b.example:8443"))
        #expect(fields.contains("access-control-allow-credentials: true"))
        #expect(fields.contains("vary: origin"))
        #expect(names(CrossOrigin(rules).fields(0)) == ["vary: origin"])
    }

    @Test func noneIsTheDefaultOfAShield() {
        #expect(tag(CrossOriginRules(), "https://a.example") == 0)
        #expect(names(CrossOrigin(CrossOriginRules()).fields(0)).isEmpty)
    }

    /// A reload may leave fewer origins while a request is in work.
    @Test func aTagOfOtherRulesGetsWhatEverybodyGets() {
        #expect(names(CrossOrigin(CrossOriginRules(allowOrigins: ["https://a.example"])).fields(7)) == ["vary: origin"])
    }
}
