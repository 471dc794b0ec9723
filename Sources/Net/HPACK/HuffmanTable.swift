// SPDX-License-Identifier: Apache-2.0

/// The decoding table: one look for codes of up to eleven bits, a search by length for the rare longer ones.
///
/// `@unchecked Sendable` because nothing is written after `init`.
final class HuffmanTable: @unchecked Sendable {
    static let shared = HuffmanTable()

    private static let indexBits = 11

    /// The symbol in the low byte, the code's length above it; 0 where the code is longer.
    private let short: UnsafeMutablePointer<UInt16>
    /// For each longer length: the first code, its place in `HuffmanCode.canonicalOrder`, and how many there are.
    private var long: [(length: Int, first: UInt32, place: Int, count: UInt32)] = []
    private let order: [Int]

    private init() {
        short = .allocate(capacity: 1 << Self.indexBits)
        short.initialize(repeating: 0, count: 1 << Self.indexBits)
        order = HuffmanCode.canonicalOrder
        for (place, symbol) in order.enumerated() {
            let length = Int(HuffmanCode.lengths[symbol])
            let code = HuffmanCode.codes[symbol]
            if length <= Self.indexBits {
                let first = Int(code) << (Self.indexBits - length)
                for index in first..<first + 1 << (Self.indexBits - length) {
                    short[index] = UInt16(length) << 8 | UInt16(symbol)
                }
            } else if long.last?.length == length {
                long[long.count - 1].count += 1
            } else {
                long.append((length, code, place, 1))
            }
        }
    }

    /// The code at the top of `word`; length 0 when it is none, or the end-of-string symbol, which no string may hold.
    @inline(__always)
    func entry(_ word: UInt64) -> (symbol: UInt8, length: Int) {
        let found = short[Int(word >> UInt64(64 - Self.indexBits))]
        if found != 0 { return (UInt8(truncatingIfNeeded: found), Int(found >> 8)) }
        return longEntry(word)
    }

    private func longEntry(_ word: UInt64) -> (symbol: UInt8, length: Int) {
        for group in long {
            let code = UInt32(truncatingIfNeeded: word >> UInt64(64 - group.length))
            guard code >= group.first, code - group.first < group.count else { continue }
            let symbol = order[group.place + Int(code - group.first)]
            return symbol == HuffmanCode.endOfString ? (0, 0) : (UInt8(symbol), group.length)
        }
        return (0, 0)
    }

    /// Decodes `string` into `place`, which has room for one byte for every five bits. The number of bytes; nil when the
    /// string is not of the code (see `HuffmanDecoder.decode`).
    func decode(_ string: UnsafeRawBufferPointer, into place: UnsafeMutableRawPointer) -> Int? {
        let end = string.count * 8
        var bit = 0
        var count = 0
        while bit < end {
            let word = Self.word(string, at: bit >> 3) << UInt64(bit & 7)
            if end - bit < 8, word >> 56 >= 0xFF << UInt64(8 - (end - bit)) & 0xFF { return count }
            let entry = entry(word)
            guard entry.length > 0, bit + entry.length <= end else { return nil }
            place.storeBytes(of: entry.symbol, toByteOffset: count, as: UInt8.self)
            count += 1
            bit += entry.length
        }
        return count
    }

    /// Eight bytes, the first one highest; ones, which look like padding, behind the end.
    @inline(__always)
    private static func word(_ string: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
        guard string.count - offset < 8 else {
            return UInt64(bigEndian: string.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        var word: UInt64 = 0
        for place in offset..<offset + 8 {
            word = word << 8 | UInt64(place < string.count ? string[place] : 0xFF)
        }
        return word
    }
}
