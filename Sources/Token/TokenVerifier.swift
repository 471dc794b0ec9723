// SPDX-License-Identifier: Apache-2.0

import COpenSSL

/// Checks EdgeAuth 2.0 tokens against a set of keys.
public struct TokenVerifier: Sendable {
    /// A longer token is refused unread.
    public static let tokenBytesMax = 1024
    /// `~hmac=` and 64 hexadecimal digits end every token.
    private static let hmacFieldBytes = 6 + 64

    private let keys: TokenKeySet

    public init(keys: TokenKeySet) {
        self.keys = keys
    }

    /// Checks form and signature, not yet time and path: those are `VerifiedToken.rejection`'s, on each request.
    public func verify(_ token: UnsafeRawBufferPointer) -> Result<VerifiedToken, TokenVerifierFailure> {
        guard token.count > Self.hmacFieldBytes, token.count <= Self.tokenBytesMax else { return .failure(.malformed) }
        let bytes = Array(token)
        if let verified = check(signed: bytes, as: bytes) { return verified }
        // A query or cookie may have been percent-encoded on its way.
        guard bytes.contains(UInt8(ascii: "%")), let decoded = percentDecoded(bytes),
            let verified = check(signed: decoded, as: bytes)
        else { return .failure(hasForm(bytes) ? .forged : .malformed) }
        return verified
    }

    /// Nil when the signature does not fit; `original` is what the client will send again.
    private func check(
        signed bytes: [UInt8], as original: [UInt8]
    ) -> Result<VerifiedToken, TokenVerifierFailure>? {
        guard hasForm(bytes) else { return nil }
        let signedCount = bytes.count - Self.hmacFieldBytes
        guard let given = decodeHex(Array(bytes[(signedCount + 6)...])) else { return nil }
        var digest = [UInt8](repeating: 0, count: 32)
        var isSigned = false
        for key in keys.keys {
            bytes.withUnsafeBufferPointer { buffer in
                hmacSHA256(UnsafeBufferPointer(rebasing: buffer[..<signedCount]), key: key, into: &digest)
            }
            if CRYPTO_memcmp(digest, given, 32) == 0 { isSigned = true }
        }
        guard isSigned else { return nil }
        guard let claims = parseClaims(bytes[..<signedCount]) else { return .failure(.malformed) }
        return .success(VerifiedToken(bytes: original, claims: claims))
    }

    private func hasForm(_ bytes: [UInt8]) -> Bool {
        bytes.count > Self.hmacFieldBytes
            && bytes[(bytes.count - Self.hmacFieldBytes)...].starts(with: Array("~hmac=".utf8))
    }

    /// The fields before `hmac`. Nil for a repeated, unknown (`ip`, `url`: we can not check them) or missing field.
    private func parseClaims(_ fields: ArraySlice<UInt8>) -> TokenClaims? {
        var claims = TokenClaims(expirySeconds: -1, acl: [])
        for field in fields.split(separator: UInt8(ascii: "~"), omittingEmptySubsequences: false) {
            guard let equals = field.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let name = String(decoding: field[..<equals], as: UTF8.self)
            let value = String(decoding: field[(equals + 1)...], as: UTF8.self)
            switch name {
            case "st" where claims.startSeconds == nil:
                guard let seconds = parseSeconds(value) else { return nil }
                claims.startSeconds = seconds
            case "exp" where claims.expirySeconds < 0:
                guard let seconds = parseSeconds(value) else { return nil }
                claims.expirySeconds = seconds
            case "acl" where claims.acl.isEmpty:
                guard let decoded = percentDecoded(Array(value.utf8)) else { return nil }
                claims.acl = decoded.split(separator: UInt8(ascii: "!")).map { String(decoding: $0, as: UTF8.self) }
            case "id" where claims.session == nil: claims.session = value
            case "data" where claims.data == nil: claims.data = value
            default: return nil
            }
        }
        return claims.expirySeconds >= 0 && !claims.acl.isEmpty ? claims : nil
    }

    private func parseSeconds(_ text: String) -> Int64? {
        guard (1...15).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(text)
    }
}

/// Why a token could not be verified.
public enum TokenVerifierFailure: Error, Sendable, Equatable {
    case malformed
    case forged

    public var rejection: TokenRejection {
        switch self {
        case .malformed: .malformed
        case .forged: .forged
        }
    }
}

/// Decodes `%XX` (RFC 3986 section 2.1); nil when an escape is not complete.
func percentDecoded(_ bytes: [UInt8]) -> [UInt8]? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
        if bytes[index] == UInt8(ascii: "%") {
            guard index + 2 < bytes.count, let high = hexValue(bytes[index + 1]), let low = hexValue(bytes[index + 2])
            else { return nil }
            decoded.append(high << 4 | low)
            index += 3
        } else {
            decoded.append(bytes[index])
            index += 1
        }
    }
    return decoded
}
