// SPDX-License-Identifier: Apache-2.0

/// The surrogate keys of a response as their hashes: what an object keeps of `Surrogate-Key: v/1 news`.
public struct SurrogateKeys: Sendable, Equatable {
    /// An object remembers this many.
    public static let keysMax = 64

    public private(set) var hashes: [UInt64]
    /// There were more keys than an object remembers: then a purge of any key takes it.
    public private(set) var isTruncated: Bool

    /// As they were kept on disk. What is too long is cut, safely.
    public init(hashes: [UInt64] = [], isTruncated: Bool = false) {
        self.hashes = Array(hashes.prefix(Self.keysMax))
        self.isTruncated = isTruncated || hashes.count > Self.keysMax
    }

    /// Reads a field value: keys with spaces, tabs or commas between them.
    public init(fieldValue: some Sequence<UInt8>) {
        self.init()
        var key: [UInt8] = []
        for byte in fieldValue {
            if byte == 0x20 || byte == 0x09 || byte == UInt8(ascii: ",") {
                insert(key)
                key.removeAll(keepingCapacity: true)
            } else {
                key.append(byte)
            }
        }
        insert(key)
    }

    private mutating func insert(_ key: [UInt8]) {
        guard !key.isEmpty else { return }
        let hash = Self.hash(key)
        guard !hashes.contains(hash) else { return }
        guard hashes.count < Self.keysMax else {
            isTruncated = true
            return
        }
        hashes.append(hash)
    }

    /// The hash of one key; the same in every process.
    static func hash(_ key: some Sequence<UInt8>) -> UInt64 {
        PurgeHash(site: key).value
    }
}
