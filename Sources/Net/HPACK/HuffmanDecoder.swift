// SPDX-License-Identifier: Apache-2.0
//
// Decodes strings of the HPACK Huffman code and remembers the last one, because the paths that one client asks for
// begin alike: a token of two hundred characters, then the video, and only then something new. A string that shares
// its first bytes with the one before is decoded from there on. Belongs to one connection; holds two fixed arrays.
// Unsafe because it works on raw bytes; all indexes are bounded by the capacities below.

/// A decoder of one connection. See the head of the file.
final class HuffmanDecoder {
    /// Strings of up to so many encoded bytes are decoded here.
    static let encodedBytesMax = 1024
    /// No code is shorter than five bits.
    static let decodedBytesMax = encodedBytesMax * 8 / 5
    /// How often the way back into the middle of a string is written down, in encoded bytes.
    private static let stride = 16

    private let encoded: UnsafeMutableRawPointer
    private var encodedCount = 0
    private let decoded: UnsafeMutableRawPointer
    private var decodedCount = 0
    /// For every `stride` encoded bytes: the first code that begins there or later, as its bit and its symbol's place.
    private let checkpoints: UnsafeMutablePointer<(bit: UInt16, symbol: UInt16)>
    private var checkpointCount = 0

    init() {
        encoded = .allocate(byteCount: Self.encodedBytesMax + 8, alignment: 16)
        decoded = .allocate(byteCount: Self.decodedBytesMax + 8, alignment: 16)
        checkpoints = .allocate(capacity: Self.encodedBytesMax / Self.stride + 1)
    }

    deinit {
        encoded.deallocate()
        decoded.deallocate()
        checkpoints.deallocate()
    }

    /// The text of `string`, valid until the next call, and how much of it is as it was in the string before. Nil when it is longer than `encodedBytesMax` or not of the code:
    /// padding of more than seven bits or not all ones, or the end-of-string symbol in it (RFC 7541 section 5.2).
    func decode(_ string: UnsafeRawBufferPointer) -> (text: UnsafeRawBufferPointer, knownCount: Int)? {
        guard string.count <= Self.encodedBytesMax, let source = string.baseAddress else { return nil }
        let common = commonPrefix(source, count: string.count)
        if common == string.count, common == encodedCount {
            return (UnsafeRawBufferPointer(start: decoded, count: decodedCount), decodedCount)
        }
        // The decoded bytes of the common part stay; the rest is written over.
        while checkpointCount > 0, Int(checkpoints[checkpointCount - 1].bit) > common * 8 { checkpointCount -= 1 }
        let resumed = checkpointCount > 0 ? checkpoints[checkpointCount - 1] : (bit: 0, symbol: 0)
        (encoded + common).copyMemory(from: source + common, byteCount: string.count - common)
        encodedCount = string.count
        // The decoder below reads whole words: ones behind the end look like padding.
        (encoded + encodedCount).storeBytes(of: .max, as: UInt64.self)
        guard let count = decode(from: Int(resumed.bit), symbol: Int(resumed.symbol)) else {
            encodedCount = 0
            checkpointCount = 0
            return nil
        }
        decodedCount = count
        return (UnsafeRawBufferPointer(start: decoded, count: count), Int(resumed.symbol))
    }

    /// How many bytes `source` has in common with the string before.
    private func commonPrefix(_ source: UnsafeRawPointer, count: Int) -> Int {
        let limit = min(count, encodedCount)
        var position = 0
        while position + 8 <= limit {
            let difference =
                source.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                ^ encoded.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            guard difference == 0 else { return position + difference.trailingZeroBitCount / 8 }
            position += 8
        }
        while position < limit,
            source.load(fromByteOffset: position, as: UInt8.self)
                == encoded.load(fromByteOffset: position, as: UInt8.self)
        {
            position += 1
        }
        return position
    }

    /// Decodes what is in `encoded` from a code's first bit on; the number of symbols in all, or nil.
    private func decode(from firstBit: Int, symbol firstSymbol: Int) -> Int? {
        let table = HuffmanTable.shared
        let end = encodedCount * 8
        var bit = firstBit
        var symbol = firstSymbol
        var nextCheckpoint = checkpointCount * Self.stride * 8
        while true {
            // At least 57 bits from `bit` on, the first one highest.
            let word =
                UInt64(bigEndian: encoded.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self)) << UInt64(bit & 7)
            // No code is made of ones alone, so up to seven of them at the end are padding.
            if end - bit < 8, word >> 56 >= 0xFF << UInt64(8 - (end - bit)) & 0xFF { return symbol }
            let entry = table.entry(word)
            guard entry.length > 0, bit + entry.length <= end else { return nil }
            if bit >= nextCheckpoint {
                checkpoints[checkpointCount] = (UInt16(bit), UInt16(symbol))
                checkpointCount += 1
                nextCheckpoint = (bit / 8 / Self.stride + 1) * Self.stride * 8
            }
            decoded.storeBytes(of: entry.symbol, toByteOffset: symbol, as: UInt8.self)
            symbol += 1
            bit += entry.length
        }
    }
}
