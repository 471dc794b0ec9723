// SPDX-License-Identifier: Apache-2.0

/// A 64-bit hash that grows byte by byte (FNV-1a), so that one pass over a path gives the hash of each of its prefixes.
///
/// The same in every process, because it is kept on disk. Not cryptographic: two names that collide are purged together,
/// which costs a fetch and is never wrong.
struct PurgeHash {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { add(byte) }
    }

    /// The eight bytes of another hash.
    mutating func add(_ hash: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { add(UInt8(truncatingIfNeeded: hash >> UInt64(shift))) }
    }

    /// Where the names of a site begin; of an empty one, those that count for every site.
    init(site: some Sequence<UInt8>) {
        add(site)
        // No site holds this byte, so no site and name make another site's name.
        add(0 as UInt8)
    }
}
