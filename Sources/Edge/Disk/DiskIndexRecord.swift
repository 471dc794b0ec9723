// SPDX-License-Identifier: Apache-2.0

/// What the index database holds of an object: little, so that all of it is read in a moment at start.
///
/// In the file (little-endian): version (8 bytes), sequence (8), the second until which it is fresh (8), pages (4),
/// 1 when all slices are there, else 0 (4).
struct DiskIndexRecord: Equatable {
    static let byteCount = 32

    var version: UInt64
    var sequence: UInt64
    /// Seconds since 1970.
    var freshUntilSeconds: UInt64
    /// What the object takes in the file.
    var pages: UInt32
    var isComplete: Bool

    init(version: UInt64, sequence: UInt64, freshUntilSeconds: UInt64, pages: UInt32, isComplete: Bool) {
        self.version = version
        self.sequence = sequence
        self.freshUntilSeconds = freshUntilSeconds
        self.pages = pages
        self.isComplete = isComplete
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        version = bytes.littleEndian(at: 0)
        sequence = bytes.littleEndian(at: 8)
        freshUntilSeconds = bytes.littleEndian(at: 16)
        pages = bytes.littleEndian(at: 24)
        let flags: UInt32 = bytes.littleEndian(at: 28)
        isComplete = flags & 1 == 1
    }

    var encoded: [UInt8] {
        var writer = ByteWriter(capacity: Self.byteCount)
        writer.append(version)
        writer.append(sequence)
        writer.append(freshUntilSeconds)
        writer.append(pages)
        writer.append(UInt32(isComplete ? 1 : 0))
        return writer.bytes
    }
}
