// SPDX-License-Identifier: Apache-2.0

/// What a purge goes by.
public enum PurgeKind: UInt8, Sendable, CaseIterable {
    /// One path with its query, byte for byte as the cache keeps it.
    case url = 1
    /// Every path that begins so, whatever its query.
    case prefix
    /// Every response with this surrogate key.
    case surrogateKey
    case everything

    /// As a metric's label and a query's parameter have it.
    public var name: String {
        switch self {
        case .url: "url"
        case .prefix: "prefix"
        case .surrogateKey: "surrogate-key"
        case .everything: "all"
        }
    }
}

/// What a purge leaves of an object.
public enum PurgeVerdict: Int, Sendable, Comparable {
    case untouched
    /// Stale: to be used after revalidation only, while that runs, or when upstream fails (RFC 5861).
    case soft
    /// Gone: never to be used again.
    case hard

    public static func < (left: PurgeVerdict, right: PurgeVerdict) -> Bool { left.rawValue < right.rawValue }
}

/// One purge. It is kept as a hash, so a rule takes the same room whatever it names.
public struct PurgeRule: Sendable, Hashable {
    /// A path, prefix or surrogate key may have so many bytes.
    public static let valueBytesMax = 8192

    /// What is purged, without how.
    struct Name: Sendable, Hashable {
        var kind: PurgeKind
        var hash: UInt64
        /// The length of a prefix; 0 for other kinds.
        var prefixBytes = 0
    }

    var name: Name
    public var kind: PurgeKind { name.kind }
    /// Stale rather than gone.
    public var isSoft: Bool

    init(name: Name, isSoft: Bool) {
        self.name = name
        self.isSoft = isSoft
    }

    /// A purge of `value`, which counts for nothing when all is purged. `site` limits it to one host; empty for all of
    /// them. Nil when the value is not one that `problem` finds nothing wrong with.
    public init?(_ kind: PurgeKind, _ value: [UInt8] = [], site: [UInt8] = [], isSoft: Bool) {
        guard Self.problem(kind, value) == nil, !site.contains(0) else { return nil }
        self.isSoft = isSoft
        var hash = PurgeHash(site: site)
        switch kind {
        case .url, .prefix: hash.add(value)
        case .surrogateKey: hash.add(SurrogateKeys.hash(value))
        case .everything: break
        }
        name = Name(kind: kind, hash: hash.value, prefixBytes: kind == .prefix ? value.count : 0)
    }

    /// What is wrong with a value, as the end of a sentence; nil when it is good.
    public static func problem(_ kind: PurgeKind, _ value: [UInt8]) -> String? {
        guard kind != .everything else { return nil }
        guard !value.isEmpty else { return "is empty" }
        guard value.count <= valueBytesMax else { return "is longer than \(valueBytesMax) bytes" }
        guard value.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return "holds something else than visible ASCII characters"
        }
        switch kind {
        case .url where value[0] != UInt8(ascii: "/"), .prefix where value[0] != UInt8(ascii: "/"):
            return "does not begin with `/`"
        case .prefix where value.contains(UInt8(ascii: "?")):
            return "holds a query; a prefix is one of paths"
        case .surrogateKey where value.contains(UInt8(ascii: ",")):
            return "holds a comma; each key is a value of its own"
        default:
            return nil
        }
    }
}

/// What a verdict is asked about. The views are those of the caller, and are used during the call only.
public struct PurgeSubject {
    /// Path and query, as the cache finds the object by them.
    public var key: UnsafeRawBufferPointer
    public var surrogateKeys: SurrogateKeys
    /// The host; empty where there is only one.
    public var site: UnsafeRawBufferPointer

    public init(
        key: UnsafeRawBufferPointer, surrogateKeys: SurrogateKeys,
        site: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) {
        self.key = key
        self.surrogateKeys = surrogateKeys
        self.site = site
    }
}
