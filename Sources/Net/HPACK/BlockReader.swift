// SPDX-License-Identifier: Apache-2.0

/// Reads the integers and strings that a header block consists of (RFC 7541 section 5). Pure; never reads beyond the block.
struct BlockReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The next byte, which stays; nil at the end.
    @inline(__always)
    var first: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// An integer (section 5.1). Nil when it ends early, or has more bytes than any sensible one.
    @inline(__always)
    mutating func integer(prefixBits: Int) -> Int? {
        guard let first else { return nil }
        let prefixMax = 1 << prefixBits - 1
        let value = Int(first) & prefixMax
        position += 1
        return value < prefixMax ? value : longInteger(prefixMax)
    }

    private mutating func longInteger(_ prefix: Int) -> Int? {
        var value = prefix
        var shift = 0
        while shift <= 28, let byte = first {
            position += 1
            value += Int(byte & 127) << shift
            if byte & 128 == 0 { return value }
            shift += 7
        }
        return nil
    }

    /// The bytes of a string as they are in the block, and whether they have the Huffman code (section 5.2).
    @inline(__always)
    mutating func string() -> (bytes: UnsafeRawBufferPointer, isCoded: Bool)? {
        guard let first, let count = integer(prefixBits: 7), count <= bytes.count - position else { return nil }
        let start = position
        position += count
        return (bytes.slice(start..<position), first & 0x80 != 0)
    }

    /// The bytes of a string that has the Huffman code and a length within `counts`; nil, and nothing is read, when it
    /// has not.
    @inline(__always)
    mutating func codedString(_ counts: ClosedRange<Int>) -> UnsafeRawBufferPointer? {
        let before = position
        if let (bytes, isCoded) = string(), isCoded, counts.contains(bytes.count) { return bytes }
        position = before
        return nil
    }
}
