// SPDX-License-Identifier: Apache-2.0

/// A length or a position in a body, in decimal digits.
enum ByteNumber {
    /// Nil for anything else than 1 to 18 digits, which fit an `Int` with room for sums.
    static func parse(_ digits: some Collection<UInt8>) -> Int? {
        guard (1...18).contains(digits.count), digits.allSatisfy(isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}
