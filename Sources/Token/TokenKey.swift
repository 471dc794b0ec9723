// SPDX-License-Identifier: Apache-2.0

import Base

/// One secret of the token signer and verifier.
public struct TokenKey: Sendable, Equatable {
    /// The decoded secret, 16 to 64 bytes.
    let secret: [UInt8]

    /// Takes the secret in hexadecimal, 32 to 128 digits; nil for anything else.
    public init?(hex: String) {
        guard let bytes = decodeHex(Array(hex.utf8)), (16...64).contains(bytes.count) else { return nil }
        secret = bytes
    }
}

/// The live keys of a site: the first one signs, all verify, so that a key can be replaced without a gap.
public struct TokenKeySet: Sendable, Equatable {
    public static let keysMax = 4

    public let keys: [TokenKey]

    /// One to four keys, newest first; nil for none or more.
    public init?(keys: [TokenKey]) {
        guard (1...Self.keysMax).contains(keys.count) else { return nil }
        self.keys = keys
    }

    /// Reads a key file: one hexadecimal secret a line, newest first; empty lines and `#` comments are skipped.
    /// Throws a `ConfigurationError` that names the line.
    public init(file path: String) throws {
        var keys: [TokenKey] = []
        var problems: [ConfigurationProblem] = []
        let text = try readTextFile(path)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let trimmed = String(line.prefix { $0 != "#" }.filter { !$0.isWhitespace })
            guard !trimmed.isEmpty else { continue }
            if let key = TokenKey(hex: trimmed) {
                keys.append(key)
            } else {
                problems.append(
                    ConfigurationProblem(
                        file: path, line: index + 1, column: 1, key: "",
                        problem: "is not a secret of 32 to 128 hexadecimal digits"))
            }
        }
        if problems.isEmpty, !(1...Self.keysMax).contains(keys.count) {
            problems.append(
                ConfigurationProblem(
                    file: path, line: 1, column: 1, key: "",
                    problem: "holds \(keys.count) keys; 1 to \(Self.keysMax) are allowed"))
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        self.keys = keys
    }
}

/// Decodes an even number of hexadecimal digits of either case; nil for anything else.
func decodeHex(_ digits: [UInt8]) -> [UInt8]? {
    guard digits.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let high = hexValue(digits[index]), let low = hexValue(digits[index + 1]) else { return nil }
        bytes.append(high << 4 | low)
    }
    return bytes
}

/// The value of one hexadecimal digit of either case.
@inline(__always)
func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}
