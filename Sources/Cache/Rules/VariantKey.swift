// SPDX-License-Identifier: Apache-2.0

/// Tells the stored variants of one key apart: the names and the values of their selecting fields. Keys under different
/// rules never are equal. May be written to disk.
public struct VariantKey: Sendable, Hashable {
    /// That of a response that depends on no field.
    public static let independent = VariantKey([])

    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The same in every process, FNV-1a. It finds a variant; only equal bytes make it the right one, since clients can
    /// choose values with equal hashes.
    public var stableHash: UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}
