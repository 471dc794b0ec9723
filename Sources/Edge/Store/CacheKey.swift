// SPDX-License-Identifier: Apache-2.0

import Cache

/// What an object is found by: the request's path and query, without the token; in front of them what keeps sites apart
/// (`Site.writeScope`): nothing for the top level of the configuration, the name of a site, or the host in lower case where
/// upstream is told of it (`upstream.hostHeader: client`). A name is one of its site's hosts, so no two sites share a scope.
struct CacheKey: Hashable, Sendable {
    let bytes: [UInt8]
    /// `KeyHasher.hash` of the bytes; computed once.
    let hashValue64: UInt64

    static func == (left: CacheKey, right: CacheKey) -> Bool {
        left.hashValue64 == right.hashValue64 && left.bytes == right.bytes
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(hashValue64)
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// No host has a slash, and every path begins with one.
    private var scopeCount: Int { bytes.firstIndex(of: UInt8(ascii: "/")) ?? 0 }

    /// Path and query, as they go upstream.
    var target: [UInt8] { Array(bytes[scopeCount...]) }
    /// Empty where the node serves one site.
    var scope: [UInt8] { Array(bytes[..<scopeCount]) }

    /// The key of another target of the same site.
    func sibling(_ target: [UInt8], _ hasher: KeyHasher) -> CacheKey {
        let bytes = scope + target
        return CacheKey(bytes: bytes, hashValue64: bytes.withUnsafeBytes { hasher.hash($0) })
    }

    /// Calls `body` with what purges go by.
    func withPurgeSubject<Result>(_ surrogateKeys: SurrogateKeys, _ body: (PurgeSubject) -> Result) -> Result {
        bytes.withUnsafeBytes { bytes in
            let scope = UnsafeRawBufferPointer(rebasing: bytes[..<scopeCount])
            let target = UnsafeRawBufferPointer(rebasing: bytes[scopeCount...])
            return body(PurgeSubject(key: target, surrogateKeys: surrogateKeys, site: scope))
        }
    }
}

/// A fast seeded hash of short byte strings, by 64-bit multiply and fold.
///
/// Not cryptographic: the seed is random for each process, and colliding keys only make a worker's near
/// cache miss; the shared table hashes the value once more with Swift's seeded hasher.
struct KeyHasher: Sendable {
    private let seed: UInt64

    init(seed: UInt64 = .random(in: 1 ... .max)) {
        self.seed = seed
    }

    @inline(__always)
    func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard let base = bytes.baseAddress else { return seed }
        var state = seed ^ UInt64(truncatingIfNeeded: bytes.count)
        var offset = 0
        while offset + 8 <= bytes.count {
            state = Self.mix(state ^ base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < bytes.count {
            tail = tail << 8 | UInt64(base.load(fromByteOffset: offset, as: UInt8.self))
            offset += 1
        }
        return Self.mix(state ^ tail)
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let product = (value ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }
}
