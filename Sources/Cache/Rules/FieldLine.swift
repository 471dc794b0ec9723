// SPDX-License-Identifier: Apache-2.0

/// One line of a header section. The name is in lower case and the value trimmed, as `Net` hands them out.
public typealias FieldLine = (name: [UInt8], value: [UInt8])

/// Looks fields up in a header section. The order of lines is kept (RFC 9110 section 5.3).
struct FieldLines {
    private let lines: [FieldLine]

    init(_ lines: [FieldLine]) {
        self.lines = lines
    }

    /// The values of all lines with this lower-case name.
    func all(_ name: StaticString) -> [[UInt8]] {
        lines.filter { $0.name.isEqual(name) }.map(\.value)
    }

    /// The value of the first line with this lower-case name.
    func first(_ name: StaticString) -> [UInt8]? {
        lines.first { $0.name.isEqual(name) }?.value
    }
}

extension RandomAccessCollection where Element == UInt8 {
    /// Equal to the ASCII text, case and all.
    func isEqual(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { elementsEqual($0) }
    }

    /// With ASCII letters in lower case.
    var lowercase: [UInt8] {
        map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }

    /// RFC 9110 section 5.6.2: one or more characters of a token.
    var isToken: Bool {
        !isEmpty && allSatisfy(isTokenCharacter)
    }
}

extension RandomAccessCollection where Element == UInt8, SubSequence: RandomAccessCollection {
    /// Without spaces and tabs at both ends.
    var trimmed: SubSequence {
        let head = drop(while: isBlank)
        var end = endIndex
        while end > head.startIndex, isBlank(self[index(before: end)]) { end = index(before: end) }
        return self[head.startIndex..<end]
    }
}

func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09
}

func isDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte)
}

func isTokenCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x21, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
    default: false
    }
}
