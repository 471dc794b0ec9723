// SPDX-License-Identifier: Apache-2.0

/// The directives of a response's `Cache-Control` or `CDN-Cache-Control` field that a shared cache obeys
/// (RFC 9111 section 5.2.2, RFC 5861, RFC 9213). Numbers are seconds.
public struct CacheControl: Sendable, Equatable {
    public var noStore = false
    public var noCache = false
    public var isPrivate = false
    public var mustRevalidate = false
    public var maxAge: Int?
    public var sharedMaxAge: Int?
    public var staleWhileRevalidate: Int?

    public init() {}

    /// Reads a field value. Directives are case-insensitive, unknown ones are ignored; a number that is not
    /// one counts as 0, which is stale (RFC 9111 section 4.2.1).
    public init(_ value: [UInt8]) {
        for directive in value.split(separator: UInt8(ascii: ",")) {
            let text = String(decoding: directive, as: UTF8.self)
            let parts = text.split(separator: "=", maxSplits: 1)
            guard let name = parts.first?.filter({ $0 != " " && $0 != "\t" }).lowercased() else { continue }
            let argument = parts.count > 1 ? parts[1].filter { !" \t\"".contains($0) } : ""
            apply(name, argument)
        }
    }

    private mutating func apply(_ name: String, _ argument: String) {
        switch name {
        case "no-store": noStore = true
        // With field names in the argument only those fields are meant; treating the whole response so is safe.
        case "no-cache": noCache = true
        case "private": isPrivate = true
        case "must-revalidate", "proxy-revalidate": mustRevalidate = true
        case "max-age": maxAge = Self.seconds(argument)
        case "s-maxage": sharedMaxAge = Self.seconds(argument)
        case "stale-while-revalidate": staleWhileRevalidate = Self.seconds(argument)
        default: break
        }
    }

    /// Delta seconds, at most 2^31 (RFC 9111 section 1.2.2).
    private static func seconds(_ text: String) -> Int {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return 0 }
        return min(Int(text) ?? Int(Int32.max), Int(Int32.max))
    }
}
