// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Token

private func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try Array(text.utf8).withUnsafeBytes(body)
}

@Suite struct TokenTests {
    let key: TokenKey
    let verifier: TokenVerifier

    init() throws {
        key = try #require(TokenKey(hex: "52a152a152a152a152a152a152a10123"))
        verifier = TokenVerifier(keys: try #require(TokenKeySet(keys: [key])))
    }

    private func verify(_ token: String) -> Result<VerifiedToken, TokenVerifierFailure> {
        withBytes(token) { verifier.verify($0) }
    }

    private func rejection(_ token: String, _ path: String, now: Int64) -> TokenRejection? {
        switch verify(token) {
        case .success(let verified): withBytes(path) { verified.rejection(path: $0, nowSeconds: now) }
        case .failure(let failure): failure.rejection
        }
    }

    /// The digest was made with Python's hmac over the same fields and key.
    @Test func theSignatureIsThatOfEdgeAuth() throws {
        let claims = TokenClaims(startSeconds: 1_498_386_079, expirySeconds: 1_498_386_379, acl: ["/protected/*"])
        #expect(
            try signToken(claims, key: key) == "st=1498386079~exp=1498386379~acl=/protected/*~hmac="
                + "1579a6bf4f7726890f60cc35890040ee4a7102666d31780cc1877170e9929206")
    }

    @Test func aGoodTokenOpensItsPathInItsTime() throws {
        let claims = TokenClaims(
            startSeconds: 100, expirySeconds: 200, acl: ["/v/a/*", "/w/*/x"], session: "s1", data: "d")
        let token = try signToken(claims, key: key)
        #expect(rejection(token, "/v/a/480p/0.m4s", now: 150) == nil)
        #expect(rejection(token, "/w/anything/x", now: 150) == nil)
        #expect(rejection(token, "/v/a/0.m4s", now: 99) == .notYetValid)
        #expect(rejection(token, "/v/a/0.m4s", now: 100) == nil)
        #expect(rejection(token, "/v/a/0.m4s", now: 199) == nil)
        #expect(rejection(token, "/v/a/0.m4s", now: 200) == .expired)
        #expect(rejection(token, "/v/b/0.m4s", now: 150) == .wrongPath)
        #expect(rejection(token, "/w/x", now: 150) == .wrongPath)
    }

    @Test func everyChangedCharacterIsNoticed() throws {
        let token = Array(try signToken(TokenClaims(expirySeconds: 200, acl: ["/v/a/*"]), key: key).utf8)
        for index in token.indices {
            var changed = token
            changed[index] = changed[index] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
            let text = String(decoding: changed, as: UTF8.self)
            #expect(rejection(text, "/v/a/x", now: 100) != nil, "position \(index)")
        }
    }

    @Test(arguments: ["", "x", "hmac=", "exp=1~acl=/*", String(repeating: "a", count: 5000)])
    func whatIsNoToken(text: String) {
        #expect(rejection(text, "/v", now: 0) == .malformed)
    }

    @Test(arguments: [
        "exp=9~ip=1.2.3.4~acl=/*", "exp=9~exp=99~acl=/*", "acl=/*", "exp=9", "exp=-9~acl=/*", "exp=9~acl=",
    ]) func signedFieldsThatCanNotBeHonouredAreRefused(fields: String) {
        let token = fields + "~hmac=" + encodeHex(hmacSHA256(Array(fields.utf8), key: key))
        #expect(rejection(token, "/v", now: 1) == .malformed)
    }

    @Test func allLiveKeysVerifyAndADeadOneDoesNot() throws {
        let other = try #require(TokenKey(hex: String(repeating: "ab", count: 16)))
        let both = TokenVerifier(keys: try #require(TokenKeySet(keys: [other, key])))
        let otherOnly = TokenVerifier(keys: try #require(TokenKeySet(keys: [other])))
        let token = try signToken(TokenClaims(expirySeconds: 200, acl: ["/*"]), key: key)
        withBytes(token) { bytes in
            #expect((try? both.verify(bytes).get()) != nil)
            #expect((try? otherOnly.verify(bytes).get()) == nil)
        }
    }

    @Test func aTokenThatWasPercentEncodedOnItsWayIsRead() throws {
        let token = try signToken(TokenClaims(expirySeconds: 200, acl: ["/v/a/*"]), key: key)
        let encoded = token.replacing("/", with: "%2F").replacing("*", with: "%2a").replacing("=", with: "%3D")
        #expect(rejection(encoded, "/v/a/x", now: 100) == nil)
    }

    @Test func theVerifiedTokenIsRecognisedByItsBytes() throws {
        let token = try signToken(TokenClaims(expirySeconds: 200, acl: ["/v/a/*"]), key: key)
        let verified = try verify(token).get()
        #expect(withBytes(token) { verified.isEqual(to: $0) })
        #expect(!withBytes(token.dropLast() + "x") { verified.isEqual(to: $0) })
    }

    @Test func claimsThatWouldBreakTheFormatAreNotSigned() {
        #expect(throws: TokenSignError.aclEmptyOrNotAbsolute) {
            try signToken(TokenClaims(expirySeconds: 1, acl: []), key: key)
        }
        #expect(throws: TokenSignError.forbiddenCharacter(field: "id")) {
            try signToken(TokenClaims(expirySeconds: 1, acl: ["/*"], session: "a~exp=9"), key: key)
        }
        #expect(throws: TokenSignError.forbiddenCharacter(field: "acl")) {
            try signToken(TokenClaims(expirySeconds: 1, acl: ["/a!/b"]), key: key)
        }
    }

    @Test(arguments: [
        ("/v/*", "/v/", true), ("/v/*", "/v", false), ("*", "", true), ("/a/*/c", "/a/b/b/c", true),
        ("/a/*/c", "/a/c", false), ("/a*b*c", "/aXbYbZc", true), ("/a*b*c", "/aXbYbZ", false), ("/a", "/a", true),
    ]) func wildcards(pattern: String, text: String, expected: Bool) {
        withBytes(pattern) { pattern in
            withBytes(text) { #expect(wildcardMatches(pattern: pattern, text: $0) == expected) }
        }
    }
}

@Suite struct TokenCarrierTests {
    private let token = "exp=9~acl=/v/a/*~hmac=" + String(repeating: "0", count: 64)

    private func carry(_ target: String, cookie: String = "") -> (token: String, path: String, query: String) {
        withBytes(target) { target in
            withBytes(cookie) { cookie in
                let carrier = TokenCarrier(target: target, cookie: cookie)
                return (
                    String(decoding: carrier.token, as: UTF8.self), String(decoding: carrier.path, as: UTF8.self),
                    String(decoding: carrier.query, as: UTF8.self)
                )
            }
        }
    }

    @Test func thePathCarriesItFirst() {
        let found = carry("/hdnts=\(token)/v/a/m.m3u8?x=1&hdnts=other", cookie: "hdnts=third")
        #expect(found.token == token)
        #expect(found.path == "/v/a/m.m3u8")
        #expect(found.query == "x=1&hdnts=other")
    }

    @Test func thenTheQueryThenTheCookie() {
        #expect(carry("/v/a/m?a=b&hdnts=\(token)", cookie: "hdnts=x").token == token)
        #expect(carry("/v/a/m?a=b", cookie: "q=1; hdnts=\(token); r=2").token == token)
        #expect(carry("/v/a/m?ahdnts=1", cookie: "xhdnts=1").token == "")
    }

    @Test(arguments: ["/hdnts=", "/hdnts=short/v/a", "/hdnts=exp=1~hmac=00", ""])
    func aPathThatIsNoTokenStays(path: String) {
        let found = carry(path)
        #expect(found.token == "")
        #expect(found.path == path)
    }
}
