// SPDX-License-Identifier: Apache-2.0

/// Reads big-endian numbers one after another, never beyond its end.
struct ByteReader {
    private let bytes: [UInt8]
    private(set) var position: Int
    private let end: Int

    /// Reads `range`, as far as there are bytes.
    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        position = min(max(0, range.lowerBound), bytes.count)
        end = min(max(position, range.upperBound), bytes.count)
    }

    init(_ bytes: [UInt8]) { self.init(bytes, bytes.indices) }

    var remaining: Range<Int> { position..<end }

    /// An unsigned number of up to eight bytes; nil at the end, or when it is above `Int.max`.
    mutating func number(_ count: Int) -> Int? {
        guard end - position >= count, let value = bigEndian(bytes, at: position, count: count) else { return nil }
        position += count
        return value
    }

    mutating func skip(_ count: Int) -> Bool {
        guard count >= 0, end - position >= count else { return false }
        position += count
        return true
    }

    /// A four-character code.
    mutating func code() -> String? {
        guard end - position >= 4 else { return nil }
        defer { position += 4 }
        return String(decoding: bytes[position..<position + 4], as: UTF8.self)
    }

    /// What is left.
    mutating func rest() -> [UInt8] {
        defer { position = end }
        return Array(bytes[position..<end])
    }
}
