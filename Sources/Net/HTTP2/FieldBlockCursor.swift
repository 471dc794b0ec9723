// SPDX-License-Identifier: Apache-2.0

/// Walks the fields of a header block (RFC 7541 section 6) by their form alone and stops at long strings that have the
/// Huffman code. Pure; ends early at anything malformed.
struct FieldBlockCursor {
    enum Stop {
        /// Where the string's length stands, and the string.
        case string(start: Int, text: Range<Int>)
        case end
    }

    /// Shorter strings cost little where they are.
    static let stringBytesMin = 32

    private let bytes: UnsafeRawBufferPointer
    private var position: Int
    /// Strings that the present field still has.
    private var stringsLeft = 0
    private var isMalformed = false

    init(_ bytes: UnsafeRawBufferPointer, position: Int) {
        self.bytes = bytes
        self.position = position
    }

    /// All fields have been walked, and each was well-formed.
    var isAtEnd: Bool { position == bytes.count && stringsLeft == 0 && !isMalformed }

    mutating func nextLongString() -> Stop {
        while true {
            if stringsLeft == 0 {
                guard position < bytes.count, beginField() else { return .end }
                continue
            }
            stringsLeft -= 1
            let start = position
            guard position < bytes.count else { return malformed() }
            let isCoded = bytes[position] & 0x80 != 0
            guard let count = readInteger(prefixBits: 7), count <= bytes.count - position else { return malformed() }
            let text = position..<position + count
            position += count
            if isCoded, count >= Self.stringBytesMin { return .string(start: start, text: text) }
        }
    }

    /// Reads a field's first bits. False when they are malformed.
    private mutating func beginField() -> Bool {
        let first = bytes[position]
        let index: Int?
        if first & 0x80 != 0 {
            index = readInteger(prefixBits: 7)
        } else if first & 0xC0 == 0x40 {
            index = readInteger(prefixBits: 6)
            stringsLeft = index == 0 ? 2 : 1
        } else if first & 0xE0 == 0x20 {
            index = readInteger(prefixBits: 5)
        } else {
            index = readInteger(prefixBits: 4)
            stringsLeft = index == 0 ? 2 : 1
        }
        if index == nil { isMalformed = true }
        return index != nil
    }

    private mutating func malformed() -> Stop {
        isMalformed = true
        return .end
    }

    /// An integer of RFC 7541 section 5.1, nil when it ends early or is larger than any block.
    private mutating func readInteger(prefixBits: Int) -> Int? {
        let prefixMax = 1 << prefixBits - 1
        var value = Int(bytes[position]) & prefixMax
        position += 1
        guard value == prefixMax else { return value }
        var shift = 0
        while position < bytes.count, shift <= 21 {
            let byte = Int(bytes[position])
            position += 1
            value += (byte & 127) << shift
            if byte & 128 == 0 { return value }
            shift += 7
        }
        return nil
    }
}
