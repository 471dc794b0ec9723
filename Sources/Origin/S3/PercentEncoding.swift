// SPDX-License-Identifier: Apache-2.0

/// Percent-encodes as Signature Version 4 wants it: all but letters, digits, `-`, `.`, `_`, `~` (RFC 3986 section 2.3),
/// with upper-case digits; slashes stay when `keepingSlashes`.
func percentEncode(_ bytes: some Sequence<UInt8>, keepingSlashes: Bool) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var out: [UInt8] = []
    for byte in bytes {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            out.append(byte)
        case UInt8(ascii: "/") where keepingSlashes:
            out.append(byte)
        default:
            out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: out, as: UTF8.self)
}

/// The bytes behind a percent-encoded text; nil when an escape is cut short or no hexadecimal number.
func percentDecode(_ text: some StringProtocol) -> [UInt8]? {
    let source = Array(text.utf8)
    var out: [UInt8] = []
    out.reserveCapacity(source.count)
    var index = 0
    while index < source.count {
        guard source[index] == UInt8(ascii: "%") else {
            out.append(source[index])
            index += 1
            continue
        }
        guard index + 2 < source.count, let high = Character(UnicodeScalar(source[index + 1])).hexDigitValue,
            let low = Character(UnicodeScalar(source[index + 2])).hexDigitValue
        else { return nil }
        out.append(UInt8(high << 4 | low))
        index += 3
    }
    return out
}

/// The decoded pairs of a query string in their order; nil when an escape is broken. `+` stands for itself.
func parseQuery(_ query: String) -> [(name: String, value: String)]? {
    var pairs: [(name: String, value: String)] = []
    for part in query.split(separator: "&") {
        let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = percentDecode(halves[0]), let value = percentDecode(halves.count == 2 ? halves[1] : "") else {
            return nil
        }
        pairs.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
    }
    return pairs
}
