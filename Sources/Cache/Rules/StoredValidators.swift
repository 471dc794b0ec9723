// SPDX-License-Identifier: Apache-2.0

/// What a response can be recognised by (RFC 9110 section 8.8). The values stay as they came: they are sent back so.
public struct StoredValidators: Sendable, Equatable {
    /// A tag that upstream wrote without quotes is sent back like a good one, but proves nothing else. Empty for none.
    public let etag: [UInt8]
    /// `Last-Modified`; empty for none, and for what is no date.
    public let lastModified: [UInt8]
    /// `Date` is late enough for `Last-Modified` to be a strong validator (RFC 9110 section 8.8.2.2).
    let isLastModifiedStrong: Bool

    public init(_ fields: [FieldLine]) {
        self.init(FieldLines(fields))
    }

    init(_ fields: FieldLines) {
        etag = fields.first("etag").flatMap { Self.isSendable($0) ? $0 : nil } ?? []
        let value = fields.first("last-modified") ?? []
        // A two-digit year is told by the other dates of the same response.
        let modified = CacheDate.parse(value, presentSeconds: 0)
        lastModified = modified == nil ? [] : value
        let date = fields.first("date").flatMap { CacheDate.parse($0, presentSeconds: 0) }
        if let modified, let date { isLastModifiedStrong = date > modified } else { isLastModifiedStrong = false }
    }

    /// The response can be validated.
    public var isUsable: Bool { !etag.isEmpty || !lastModified.isEmpty }

    var tag: EntityTag? { EntityTag(etag) }

    /// True when both are of the very same bytes (RFC 9110 section 8.8.1), as pieces must be that are put together.
    public func isSameRepresentation(_ other: StoredValidators) -> Bool {
        if let tag, let otherTag = other.tag { return tag.isStronglyEqual(otherTag) }
        guard etag.isEmpty, other.etag.isEmpty, !lastModified.isEmpty else { return false }
        return isLastModifiedStrong && other.isLastModifiedStrong && lastModified == other.lastModified
    }

    /// A list would take a tag with commas or blanks apart.
    private static func isSendable(_ etag: [UInt8]) -> Bool {
        if EntityTag(etag) != nil { return true }
        return !etag.isEmpty && etag.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: ",") }
            && !etag.isEqual("*")
    }
}
