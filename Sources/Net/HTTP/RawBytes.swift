// SPDX-License-Identifier: Apache-2.0
//
// Comparisons and numbers on borrowed bytes. The views come from a connection's input and are valid only
// during the call that hands them out; nothing here keeps one.

import Glibc

extension UnsafeRawBufferPointer {
    /// Equal to the ASCII text, case and all.
    public func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && hasPrefix(text)
    }

    /// Equal to the ASCII text of lower-case letters, whatever the case of the bytes.
    public func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        guard count == lowercase.utf8CodeUnitCount else { return false }
        for index in 0..<count where asciiLowercase(self[index]) != lowercase.utf8Start[index] { return false }
        return true
    }

    public func hasPrefix(_ text: StaticString) -> Bool {
        guard let base = baseAddress else { return text.utf8CodeUnitCount == 0 }
        return count >= text.utf8CodeUnitCount && memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// The bytes in `range`, as a view of the same memory.
    @inlinable
    public func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// The position of the first `byte` at or after `start`.
    public func position(of byte: UInt8, from start: Int = 0) -> Int? {
        guard let base = baseAddress, start < count else { return nil }
        guard let found = memchr(base + start, Int32(byte), count - start) else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// Without spaces and tabs at both ends.
    public func trimmed() -> UnsafeRawBufferPointer {
        var range = 0..<count
        while let first = range.first, self[first] == 0x20 || self[first] == 0x09 { range.removeFirst() }
        while let last = range.last, self[last] == 0x20 || self[last] == 0x09 { range.removeLast() }
        return slice(range)
    }

    /// True when the comma-separated list of these bytes has the token as a member, in any case (RFC 9110 section 5.6.1).
    public func listHolds(_ lowercase: StaticString) -> Bool {
        var start = 0
        while start < count {
            let end = position(of: UInt8(ascii: ","), from: start) ?? count
            if slice(start..<end).trimmed().equalsIgnoringCase(lowercase) { return true }
            start = end + 1
        }
        return false
    }

    /// A decimal number of 1 to 18 digits and nothing else.
    public var decimal: Int? {
        guard (1...18).contains(count) else { return nil }
        var value = 0
        for byte in self {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }

    /// A copy as text; invalid UTF-8 is replaced.
    public var text: String { String(decoding: self, as: UTF8.self) }
}

@inlinable
public func asciiLowercase(_ byte: UInt8) -> UInt8 {
    (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
}

/// RFC 9110 section 5.6.2: the characters of a token.
func isTokenCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x21, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
    default: false
    }
}

/// RFC 9110 section 5.5: a field value holds visible characters, spaces, tabs and obs-text.
func isFieldValueCharacter(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != 0x7F || byte == 0x09
}
