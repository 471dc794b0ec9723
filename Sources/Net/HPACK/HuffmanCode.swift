// SPDX-License-Identifier: Apache-2.0
//
// The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B). The code is canonical: the lengths alone define
// it, so that is all that is written down here; codes and decoding tables are computed once from them.

/// The code's lengths in bits, for the 256 byte values and the end-of-string symbol.
enum HuffmanCode {
    static let endOfString = 256

    static let lengths: [UInt8] = [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
        28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
        5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
        6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
        24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
        21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
        19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
        26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
        30,
    ]

    /// The symbols in the order of their codes: by length, then by value.
    static let canonicalOrder: [Int] = lengths.indices.sorted { left, right in
        lengths[left] == lengths[right] ? left < right : lengths[left] < lengths[right]
    }

    /// The code of each symbol, in its lowest bits.
    static let codes: [UInt32] = {
        var codes = [UInt32](repeating: 0, count: lengths.count)
        var code: UInt32 = 0
        var length: UInt8 = 0
        for symbol in canonicalOrder {
            code <<= UInt32(lengths[symbol] - length)
            length = lengths[symbol]
            codes[symbol] = code
            code += 1
        }
        return codes
    }()

    /// The bytes that `text` takes when it is encoded.
    static func encodedCount(_ text: some Sequence<UInt8>) -> Int {
        (text.reduce(0) { $0 + Int(lengths[Int($1)]) } + 7) / 8
    }

    /// Encodes `text`, filled up with ones to a whole byte (RFC 7541 section 5.2).
    static func encode(_ text: some Sequence<UInt8>) -> [UInt8] {
        var encoded: [UInt8] = []
        var bits: UInt64 = 0
        var bitCount = 0
        for byte in text {
            bits = bits << UInt64(lengths[Int(byte)]) | UInt64(codes[Int(byte)])
            bitCount += Int(lengths[Int(byte)])
            while bitCount >= 8 {
                bitCount -= 8
                encoded.append(UInt8(truncatingIfNeeded: bits >> UInt64(bitCount)))
            }
        }
        if bitCount > 0 {
            encoded.append(UInt8(truncatingIfNeeded: bits << UInt64(8 - bitCount)) | 0xFF >> UInt8(bitCount))
        }
        return encoded
    }
}
