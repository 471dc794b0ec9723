// SPDX-License-Identifier: Apache-2.0

/// What is stored beside an object's slices: its key, its head, which slices there are and their checksums.
///
/// In the file (numbers little-endian): the checksum of all that follows (8 bytes), version (8), sequence (8), length (8),
/// key's length (4), head's length (4), one bit for each slice in words of 8 bytes, one checksum (8) for each slice,
/// 0 for one that is not there, the key, the head.
struct DiskObjectRecord: Equatable {
    private static let fixedBytes = 40

    /// Chosen by the caller; slices of different versions never mix.
    let version: UInt64
    /// Given when the object came; its slices are stored under it, so those of its successor can not be taken for its own.
    let sequence: UInt64
    /// Of the whole body, in bytes.
    let length: Int
    var present: SliceSet
    /// The XXH64 of each slice.
    var checksums: [UInt64]
    let key: [UInt8]
    var head: [UInt8]

    init(version: UInt64, sequence: UInt64, length: Int, key: [UInt8], head: [UInt8]) {
        self.version = version
        self.sequence = sequence
        self.length = length
        self.key = key
        self.head = head
        present = SliceSet(count: DiskSlice.count(length))
        checksums = [UInt64](repeating: 0, count: present.count)
    }

    /// Reads a record; nil when it is damaged.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.fixedBytes else { return nil }
        let checksum: UInt64 = bytes.littleEndian(at: 0)
        guard XXHash64.checksum(bytes.part(8..<bytes.count)) == checksum else { return nil }
        let length = Int(exactly: bytes.littleEndian(at: 24) as UInt64)
        guard let length, length <= DiskSlice.bodyBytesMax else { return nil }
        let keyBytes = Int(bytes.littleEndian(at: 32) as UInt32)
        let headBytes = Int(bytes.littleEndian(at: 36) as UInt32)
        let count = DiskSlice.count(length)
        let words = SliceSet.wordCount(count)
        let keyStart = Self.fixedBytes + 8 * (words + count)
        guard bytes.count == keyStart + keyBytes + headBytes else { return nil }
        version = bytes.littleEndian(at: 8)
        sequence = bytes.littleEndian(at: 16)
        self.length = length
        present = SliceSet(count: count, words: (0..<words).map { bytes.littleEndian(at: Self.fixedBytes + 8 * $0) })
        checksums = (0..<count).map { bytes.littleEndian(at: Self.fixedBytes + 8 * (words + $0)) }
        key = Array(bytes[keyStart..<keyStart + keyBytes])
        head = Array(bytes[(keyStart + keyBytes)...])
    }

    var byteCount: Int { Self.fixedBytes + 8 * (present.words.count + checksums.count) + key.count + head.count }

    var encoded: [UInt8] {
        var writer = ByteWriter(capacity: byteCount)
        writer.append(0 as UInt64)
        writer.append(version)
        writer.append(sequence)
        writer.append(UInt64(length))
        writer.append(UInt32(key.count))
        writer.append(UInt32(head.count))
        for word in present.words { writer.append(word) }
        for checksum in checksums { writer.append(checksum) }
        writer.append(key)
        writer.append(head)
        var bytes = writer.bytes
        let checksum = bytes.withUnsafeBytes { XXHash64.checksum($0.part(8..<$0.count)) }
        withUnsafeBytes(of: checksum.littleEndian) { bytes.replaceSubrange(0..<8, with: $0) }
        return bytes
    }
}

/// How a body is cut.
enum DiskSlice {
    /// All slices but the last are of this size, so that one that leaves makes room for one that comes.
    static let byteCount = 262_144
    /// 16 GiB: the record of a longer body would be too large to be written anew with each of its slices.
    static let bodyBytesMax = byteCount * 65_536

    /// The number of a body's slices.
    static func count(_ length: Int) -> Int { (length + byteCount - 1) / byteCount }

    /// The place of a slice in a body of `length` bytes.
    static func range(_ index: Int, length: Int) -> Range<Int> {
        index * byteCount..<min(length, (index + 1) * byteCount)
    }

    /// The key of a slice in the database: big-endian, so that slices written together lie together.
    static func key(sequence: UInt64, index: Int) -> [UInt8] {
        withUnsafeBytes(of: sequence.bigEndian) { Array($0) }
            + withUnsafeBytes(of: UInt32(index).bigEndian) { Array($0) }
    }
}
