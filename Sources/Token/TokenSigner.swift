// SPDX-License-Identifier: Apache-2.0

import COpenSSL

/// Why claims can not be written as a token.
public enum TokenSignError: Error, Sendable, Equatable {
    /// There must be at least one path pattern, each starting with `/`.
    case aclEmptyOrNotAbsolute
    /// A field holds a character that the format reserves (`~`, `!` in a pattern) or that a URL or cookie can not carry.
    case forbiddenCharacter(field: String)
}

/// Writes and signs a token with HMAC-SHA256 over the fields before `hmac`, joined by `~`.
public func signToken(_ claims: TokenClaims, key: TokenKey) throws(TokenSignError) -> String {
    guard !claims.acl.isEmpty, claims.acl.allSatisfy({ $0.hasPrefix("/") }) else { throw .aclEmptyOrNotAbsolute }
    for pattern in claims.acl { try requireTokenCharacters(pattern, field: "acl", reserved: "~!") }
    var fields: [String] = []
    if let start = claims.startSeconds { fields.append("st=\(start)") }
    fields.append("exp=\(claims.expirySeconds)")
    fields.append("acl=" + claims.acl.joined(separator: "!"))
    if let session = claims.session {
        try requireTokenCharacters(session, field: "id", reserved: "~")
        fields.append("id=" + session)
    }
    if let data = claims.data {
        try requireTokenCharacters(data, field: "data", reserved: "~")
        fields.append("data=" + data)
    }
    let signed = fields.joined(separator: "~")
    let digest = hmacSHA256(Array(signed.utf8), key: key)
    return signed + "~hmac=" + encodeHex(digest)
}

/// Only characters that travel unescaped in a path component, a query and a cookie (RFC 3986 3.3, RFC 6265 4.1.1).
private func requireTokenCharacters(_ text: String, field: String, reserved: String) throws(TokenSignError) {
    let allowed = text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~!$'()*+:@/".utf8.contains(byte) && !reserved.utf8.contains(byte)
        }
    }
    guard allowed else { throw .forbiddenCharacter(field: field) }
}

func hmacSHA256(_ message: [UInt8], key: TokenKey) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    message.withUnsafeBufferPointer { hmacSHA256($0, key: key, into: &digest) }
    return digest
}

/// HMAC (RFC 2104) with SHA-256 of `message` into the 32 bytes of `digest`.
func hmacSHA256(_ message: UnsafeBufferPointer<UInt8>, key: TokenKey, into digest: inout [UInt8]) {
    precondition(digest.count == 32)
    var length: UInt32 = 0
    let result = HMAC(
        EVP_sha256(), key.secret, Int32(key.secret.count), message.baseAddress, message.count, &digest, &length)
    precondition(result != nil && length == 32, "HMAC-SHA256 is always available in OpenSSL 3")
}

func encodeHex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
