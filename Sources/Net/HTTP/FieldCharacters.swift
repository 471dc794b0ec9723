// SPDX-License-Identifier: Apache-2.0

/// Checks of the characters of fields, many bytes at a time: every request goes through them.
enum FieldCharacters {
    /// What names of fields consist of in HTTP/2: the characters of a token without capitals (RFC 9113 section 8.2.1).
    private static let lowercaseName = CharacterSet { isTokenCharacter($0) && !(0x41...0x5A).contains($0) }

    /// What an authority consists of: a host, user information, a port, brackets (RFC 3986 section 3.2). Whether they
    /// stand where they may is another question.
    private static let authority = CharacterSet { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: Array("-._~!$&'()*+,;=:@[]%".utf8).contains(byte)
        }
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// A name of at least one character.
    @inline(__always)
    static func isLowercaseName(_ bytes: UnsafeRawBufferPointer) -> Bool { lowercaseName.holdsAll(bytes) }

    @inline(__always)
    static func isAuthority(_ bytes: UnsafeRawBufferPointer) -> Bool { authority.holdsAll(bytes) }

    /// A path and query as they may be sent: no control characters and no spaces.
    @inline(__always)
    static func isTarget(_ bytes: UnsafeRawBufferPointer) -> Bool {
        !bytes.isEmpty && !holdsOddByte(bytes, below: 0x21) { $0 < 0x21 || $0 == 0x7F }
    }

    /// A value: no control characters but tabs, and no blank at either end (RFC 9113 section 8.2.1).
    @inline(__always)
    static func isValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.first, let last = bytes.last else { return true }
        guard first != 0x20, first != 0x09, last != 0x20, last != 0x09 else { return false }
        return !holdsOddByte(bytes, below: 0x20) { !isFieldValueCharacter($0) }
    }

    /// True when `isOdd` is true of a byte. All of those are less than `limit`, or DEL: sixteen bytes at a time are looked
    /// at for such, and only when there is one are all looked at one by one.
    @inline(__always)
    private static func holdsOddByte(
        _ bytes: UnsafeRawBufferPointer, below limit: UInt8, _ isOdd: (UInt8) -> Bool
    ) -> Bool {
        guard let base = bytes.baseAddress, bytes.count >= 16 else { return bytes.contains(where: isOdd) }
        let limits = SIMD16<UInt8>(repeating: limit)
        let deletes = SIMD16<UInt8>(repeating: 0x7F)
        var offset = 0
        var suspects = SIMDMask<SIMD16<Int8>>(repeating: false)
        while offset < bytes.count {
            // The last sixteen may have been looked at in part.
            let start = min(offset, bytes.count - 16)
            let piece = base.loadUnaligned(fromByteOffset: start, as: SIMD16<UInt8>.self)
            suspects .|= (piece .< limits) .| (piece .== deletes)
            offset += 16
        }
        return any(suspects) && bytes.contains(where: isOdd)
    }
}

/// A set of ASCII characters as two words of bits.
private struct CharacterSet {
    private let low: UInt64
    private let high: UInt64

    init(_ holds: (UInt8) -> Bool) {
        func word(_ range: Range<UInt8>) -> UInt64 {
            range.reduce(0) { holds($1) ? $0 | 1 << UInt64($1 & 63) : $0 }
        }
        low = word(0..<64)
        high = word(64..<128)
    }

    /// True when there is at least one byte and all are in the set.
    @inline(__always)
    func holdsAll(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var all: UInt64 = 1
        for byte in bytes {
            let word = byte < 64 ? low : byte < 128 ? high : 0
            all &= word >> UInt64(byte & 63)
        }
        return all != 0 && !bytes.isEmpty
    }
}
