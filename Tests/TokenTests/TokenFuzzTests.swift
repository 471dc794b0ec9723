// SPDX-License-Identifier: Apache-2.0

import Fuzzing
import Testing

@testable import Token

/// Damaged tokens and requests that carry them: nothing is let in that was not signed.
@Suite struct TokenFuzzTests {
    private static let key = TokenKey(hex: String(repeating: "0123456789abcdef", count: 4))!
    private static let keys = TokenKeySet(keys: [key])!

    private static func tokens() throws -> [[UInt8]] {
        var claims = TokenClaims(expirySeconds: 2_000_000_000, acl: ["/v/a/*"])
        var tokens = [try signToken(claims, key: key)]
        claims.startSeconds = 5
        claims.session = "viewer"
        claims.data = "x-y"
        claims.acl = ["/v/a/*", "/v/b/*.m4s"]
        tokens.append(try signToken(claims, key: key))
        return tokens.map { Array($0.utf8) }
    }

    @Test func aVerifiedTokenIsOneThatWasSigned() throws {
        let signed = try Self.tokens()
        let verifier = TokenVerifier(keys: Self.keys)
        let words = ["~", "~hmac=", "exp=", "acl=/*", "%7E", "%2f", "%", "!", "*", "st=1", "~ip=1"]
        var verified = 0
        let problem = Fuzzer(corpus: signed, words: words).run(iterations: 8_000) { token, _ in
            guard case .success(let found) = token.withUnsafeBytes({ verifier.verify($0) }) else { return nil }
            verified += 1
            let plain = percentDecoded(token) ?? token
            // The digits of the digest may come in either case.
            guard signed.contains(where: { $0 == token || Self.isSame($0, token) || Self.isSame($0, plain) }) else {
                return "a token that nobody signed is good"
            }
            let path = Array("/w/a/0.m4s".utf8)
            let rejection = path.withUnsafeBytes { found.rejection(path: $0, nowSeconds: 1_000_000_000) }
            return rejection == .wrongPath ? nil : "it opens another path"
        }
        #expect(problem == nil)
        #expect(verified >= 2)
    }

    /// Equal but for the case of the digest's digits.
    private static func isSame(_ signed: [UInt8], _ token: [UInt8]) -> Bool {
        guard signed.count == token.count, signed.count > 64 else { return false }
        let split = signed.count - 64
        return signed[..<split] == token[..<split]
            && String(decoding: signed[split...], as: UTF8.self)
                == String(decoding: token[split...], as: UTF8.self).lowercased()
    }

    /// What the carrier finds lies in the request, and what it takes out of the path is all that is missing.
    @Test func theCarrierLosesNothing() throws {
        let token = String(decoding: try Self.tokens()[0], as: UTF8.self)
        let targets = [
            "/hdnts=\(token)/v/a/0.m4s?x=1", "/v/a?hdnts=\(token)&b=c", "/v/a", "/hdnts=~hmac=/v", "/?hdnts=",
        ]
        let words = ["/", "?", "&", ";", "hdnts=", "/hdnts=", "~hmac=", " "]
        let problem = Fuzzer(corpus: targets.map { Array($0.utf8) }, words: words).run(iterations: 10_000) {
            target, _ in
            target.withUnsafeBytes { view -> String? in
                let carrier = TokenCarrier(target: view, cookie: view)
                let query = carrier.query.isEmpty ? [] : Array("?".utf8) + Array(carrier.query)
                let rest = Array(carrier.path) + query
                let isWhole = rest == target || rest + Array("?".utf8) == target
                let prefix = Array("/hdnts=".utf8) + Array(carrier.token)
                let isWithToken = prefix + rest == target || prefix + rest + Array("?".utf8) == target
                return isWhole || isWithToken ? nil : "path and query are \(String(decoding: rest, as: UTF8.self))"
            }
        }
        #expect(problem == nil)
    }

    /// The quick matcher agrees with the plain definition of a pattern.
    @Test func patternsMatchAsDefined() {
        func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
            guard let first = pattern.first else { return text.isEmpty }
            if first == UInt8(ascii: "*") {
                return (text.startIndex...text.endIndex).contains { matches(pattern.dropFirst(), text[$0...]) }
            }
            return text.first == first && matches(pattern.dropFirst(), text.dropFirst())
        }
        let corpus = ["/v/*/0.m4s", "*a*b*", "/v/a/*", "aab"].map { Array($0.utf8) }
        let problem = Fuzzer(corpus: corpus, words: ["*", "a", "/v/"]).run(iterations: 8_000) { pattern, random in
            let pattern = Array(pattern.prefix(12))
            let text = (0..<random.number(0...10)).map { _ in Array("ab/v0".utf8)[random.number(0...4)] }
            let found = pattern.withUnsafeBytes { pattern in
                text.withUnsafeBytes { wildcardMatches(pattern: pattern, text: $0) }
            }
            return found == matches(pattern[...], text[...]) ? nil : "\(String(decoding: text, as: UTF8.self))"
        }
        #expect(problem == nil)
    }
}
