// SPDX-License-Identifier: Apache-2.0

/// Reads bits, the highest of a byte first; nil behind the end.
struct BitReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Up to 32 bits.
    mutating func bits(_ count: Int) -> Int? {
        guard count >= 0, position + count <= bytes.count * 8 else { return nil }
        var value = 0
        for _ in 0..<count {
            value = value << 1 | Int(bytes[position >> 3] >> UInt8(7 - position & 7) & 1)
            position += 1
        }
        return value
    }

    mutating func flag() -> Bool? { bits(1).map { $0 == 1 } }

    /// An unsigned Exp-Golomb code of up to 32 bits (ITU-T H.264 section 9.1).
    mutating func exponential() -> Int? {
        var zeros = 0
        while true {
            guard let bit = bits(1), zeros <= 32 else { return nil }
            if bit == 1 { break }
            zeros += 1
        }
        guard zeros <= 32, let rest = bits(zeros) else { return nil }
        return (1 << zeros) - 1 + rest
    }

    /// A signed Exp-Golomb code (section 9.1.1).
    mutating func signedExponential() -> Int? {
        exponential().map { $0 & 1 == 1 ? ($0 + 1) / 2 : -($0 / 2) }
    }
}
