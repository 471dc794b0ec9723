// SPDX-License-Identifier: Apache-2.0

/// Writes fields as "literal without indexing" (RFC 7541 section 6.2.2): such a field neither reads nor changes the
/// dynamic table, so it can be encoded once and sent on every connection.
enum FieldEncoding {
    /// The first index of each name in the static table.
    private static let staticNames = Dictionary(
        zip(StaticTable.fields.map(\.name), 1...), uniquingKeysWith: { first, _ in first })

    /// Appends the field; `name` is a lower-case token.
    static func append(name: [UInt8], value: [UInt8], to block: inout [UInt8]) {
        appendName(name, to: &block)
        appendString(value, to: &block)
    }

    /// Appends what comes before the value: the name's index, or a zero and the name.
    static func appendName(_ name: [UInt8], to block: inout [UInt8]) {
        if let index = staticNames[String(decoding: name, as: UTF8.self)] {
            appendInteger(index, prefixBits: 4, pattern: 0, to: &block)
        } else {
            block.append(0)
            appendString(name, to: &block)
        }
    }

    /// Appends a string literal, with the Huffman code where that is shorter (RFC 7541 section 5.2).
    private static func appendString(_ text: [UInt8], to block: inout [UInt8]) {
        let encodedCount = HuffmanCode.encodedCount(text)
        if encodedCount < text.count {
            appendInteger(encodedCount, prefixBits: 7, pattern: 0x80, to: &block)
            block.append(contentsOf: HuffmanCode.encode(text))
        } else {
            appendInteger(text.count, prefixBits: 7, pattern: 0, to: &block)
            block.append(contentsOf: text)
        }
    }

    /// Appends an integer behind the bits of `pattern` (RFC 7541 section 5.1).
    private static func appendInteger(_ value: Int, prefixBits: Int, pattern: UInt8, to block: inout [UInt8]) {
        let prefixMax = 1 << prefixBits - 1
        guard value >= prefixMax else {
            block.append(pattern | UInt8(value))
            return
        }
        block.append(pattern | UInt8(prefixMax))
        var rest = value - prefixMax
        while rest >= 128 {
            block.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        block.append(UInt8(rest))
    }
}
