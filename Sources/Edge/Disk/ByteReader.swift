// SPDX-License-Identifier: Apache-2.0

/// Reads what `ByteWriter` has put together, from the front; nil where the bytes end early.
struct ByteReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func number32() -> UInt32? { number() }
    mutating func number64() -> UInt64? { number() }

    private mutating func number<Number: FixedWidthInteger>() -> Number? {
        let size = MemoryLayout<Number>.size
        guard bytes.count - position >= size else { return nil }
        defer { position += size }
        return bytes.withUnsafeBytes { $0.littleEndian(at: position) }
    }

    mutating func piece(_ count: UInt32) -> [UInt8]? {
        guard bytes.count - position >= Int(count) else { return nil }
        defer { position += Int(count) }
        return Array(bytes[position..<position + Int(count)])
    }
}
