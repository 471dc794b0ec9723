// SPDX-License-Identifier: Apache-2.0

import Crypto

/// Compares two secrets in a time that tells nothing about where they differ, nor how long the expected one is:
/// both are hashed under a key of this process, and the digests are compared without a branch.
func equalInConstantTime(_ left: some Sequence<UInt8>, _ right: some Sequence<UInt8>) -> Bool {
    let leftCode = HMAC<SHA256>.authenticationCode(for: Array(left), using: comparisonKey)
    return HMAC<SHA256>.isValidAuthenticationCode(leftCode, authenticating: Array(right), using: comparisonKey)
}

private let comparisonKey = SymmetricKey(size: .bits256)

/// Bytes as lower-case hexadecimal digits.
func hexText(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
