// SPDX-License-Identifier: Apache-2.0

/// What an object on disk is found by: 128 bits of a seeded hash of its key. Two keys may share one; the whole key is
/// kept with the object and compared when it is read, so a collision is a miss.
struct DiskIdentifier: Hashable, Sendable {
    static let byteCount = 16

    let high: UInt64
    let low: UInt64

    func hash(into hasher: inout Hasher) {
        hasher.combine(low)
    }

    /// The bytes that are the key in the database.
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: Self.byteCount)
        writer.append(high)
        writer.append(low)
        return writer.bytes
    }

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Nil when the bytes are not of an identifier's length.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        high = bytes.littleEndian(at: 0)
        low = bytes.littleEndian(at: 8)
    }
}

/// Makes identifiers. Its seeds are random for each database file and kept in it, so that nobody can choose keys that
/// collide everywhere.
struct DiskKeyHasher: Sendable {
    let seeds: (UInt64, UInt64)
    private let first: KeyHasher
    private let second: KeyHasher

    init(seeds: (UInt64, UInt64)) {
        self.seeds = seeds
        first = KeyHasher(seed: seeds.0)
        second = KeyHasher(seed: seeds.1)
    }

    func identifier(_ key: [UInt8]) -> DiskIdentifier {
        key.withUnsafeBytes { DiskIdentifier(high: first.hash($0), low: second.hash($0)) }
    }
}
