// SPDX-License-Identifier: Apache-2.0
//
// A token whose signature has been checked. Immutable; a connection keeps the ones it has verified, so that
// the next request with the same bytes costs a comparison instead of an HMAC.

import Glibc

/// Why a request's token does not open its path.
public enum TokenRejection: Sendable, Equatable {
    case missing
    /// Not an EdgeAuth token, or one with a field that we can not honour.
    case malformed
    /// No live key made this signature.
    case forged
    case notYetValid
    case expired
    /// The token is good, for other paths.
    case wrongPath

    /// A short name for logs and metrics.
    public var name: StaticString {
        switch self {
        case .missing: "missing"
        case .malformed: "malformed"
        case .forged: "forged"
        case .notYetValid: "not yet valid"
        case .expired: "expired"
        case .wrongPath: "wrong path"
        }
    }
}

/// A token with a good signature.
public final class VerifiedToken: Sendable {
    private let bytes: [UInt8]
    private let patterns: [[UInt8]]
    public let claims: TokenClaims

    init(bytes: [UInt8], claims: TokenClaims) {
        self.bytes = bytes
        self.claims = claims
        patterns = claims.acl.map { Array($0.utf8) }
    }

    /// True when `token` is this token, byte for byte. Both were sent by the client, so the time it takes tells nothing.
    public func isEqual(to token: UnsafeRawBufferPointer) -> Bool {
        guard token.count == bytes.count, let other = token.baseAddress else { return false }
        return bytes.withUnsafeBytes { memcmp($0.baseAddress ?? other, other, token.count) == 0 }
    }

    /// Nil when the token opens `path` (without query) now; checked on every request.
    public func rejection(path: UnsafeRawBufferPointer, nowSeconds: Int64) -> TokenRejection? {
        guard nowSeconds < claims.expirySeconds else { return .expired }
        if let start = claims.startSeconds, nowSeconds < start { return .notYetValid }
        for pattern in patterns where pattern.withUnsafeBytes({ wildcardMatches(pattern: $0, text: path) }) {
            return nil
        }
        return .wrongPath
    }
}

/// Matches `*` against any run of bytes, everything else literally. Linear in practice: backtracks to the last star only.
func wildcardMatches(pattern: UnsafeRawBufferPointer, text: UnsafeRawBufferPointer) -> Bool {
    let star = UInt8(ascii: "*")
    var patternIndex = 0
    var textIndex = 0
    var lastStar = -1
    var resume = 0
    while textIndex < text.count {
        if patternIndex < pattern.count, pattern[patternIndex] == star {
            // A star at the end takes the rest.
            if patternIndex == pattern.count - 1 { return true }
            lastStar = patternIndex
            resume = textIndex
            patternIndex += 1
        } else if patternIndex < pattern.count, pattern[patternIndex] == text[textIndex] {
            patternIndex += 1
            textIndex += 1
        } else if lastStar >= 0 {
            resume += 1
            textIndex = resume
            patternIndex = lastStar + 1
        } else {
            return false
        }
    }
    while patternIndex < pattern.count, pattern[patternIndex] == star { patternIndex += 1 }
    return patternIndex == pattern.count
}
