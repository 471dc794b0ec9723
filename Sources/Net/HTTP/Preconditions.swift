// SPDX-License-Identifier: Apache-2.0
//
// Conditional requests (RFC 9110 section 13). Pure: fields and validators in, a verdict out. Nothing is allocated.

/// What a representation can be compared by.
public struct Validators {
    /// With its quotes, empty for none.
    public var etag: UnsafeRawBufferPointer
    /// `Last-Modified`, in seconds since 1970.
    public var modifiedSeconds: Int64?
    /// `Date`: when the representation came.
    public var dateSeconds: Int64?

    public init(etag: UnsafeRawBufferPointer, modifiedSeconds: Int64?, dateSeconds: Int64?) {
        self.etag = etag
        self.modifiedSeconds = modifiedSeconds
        self.dateSeconds = dateSeconds
    }
}

/// The conditional fields of a request; empty for absent.
public struct Preconditions {
    public var ifMatch: UnsafeRawBufferPointer
    public var ifNoneMatch: UnsafeRawBufferPointer
    public var ifModifiedSince: UnsafeRawBufferPointer
    public var ifUnmodifiedSince: UnsafeRawBufferPointer

    public init(
        ifMatch: UnsafeRawBufferPointer, ifNoneMatch: UnsafeRawBufferPointer, ifModifiedSince: UnsafeRawBufferPointer,
        ifUnmodifiedSince: UnsafeRawBufferPointer
    ) {
        self.ifMatch = ifMatch
        self.ifNoneMatch = ifNoneMatch
        self.ifModifiedSince = ifModifiedSince
        self.ifUnmodifiedSince = ifUnmodifiedSince
    }

    public enum Verdict: Equatable {
        case proceed
        /// 304.
        case notModified
        /// 412.
        case failed
    }

    @inline(__always)
    public var isEmpty: Bool {
        ifNoneMatch.isEmpty && ifModifiedSince.isEmpty && ifMatch.isEmpty && ifUnmodifiedSince.isEmpty
    }

    /// Judges a GET or HEAD whose answer without conditions would be 200, in the order of RFC 9110 section 13.2.2.
    public func verdict(_ validators: Validators) -> Verdict {
        if !ifMatch.isEmpty {
            guard Self.matches(ifMatch, validators.etag, weakly: false) else { return .failed }
        } else if !ifUnmodifiedSince.isEmpty, let limit = parseHTTPDate(ifUnmodifiedSince),
            let modified = validators.modifiedSeconds, modified > limit
        {
            return .failed
        }
        if !ifNoneMatch.isEmpty {
            return Self.matches(ifNoneMatch, validators.etag, weakly: true) ? .notModified : .proceed
        }
        // Without Last-Modified a cache compares with the time of the response (RFC 9111 section 4.3.2).
        if !ifModifiedSince.isEmpty, let limit = parseHTTPDate(ifModifiedSince),
            let modified = validators.modifiedSeconds ?? validators.dateSeconds, modified <= limit
        {
            return .notModified
        }
        return .proceed
    }

    /// True when `If-Range` lets the ranges be served: an equal strong tag, or the very date of a `Last-Modified` that
    /// is old enough to be a strong validator (RFC 9110 sections 13.1.5 and 8.8.2.2).
    public static func allowsRange(_ ifRange: UnsafeRawBufferPointer, _ validators: Validators) -> Bool {
        guard let first = ifRange.first else { return true }
        if first == UInt8(ascii: "\"") { return ifRange.elementsEqual(validators.etag) }
        guard let date = parseHTTPDate(ifRange), let modified = validators.modifiedSeconds, date == modified else {
            return false
        }
        return validators.dateSeconds.map { $0 > modified } ?? false
    }

    /// True when the list holds a tag that equals `etag`, or is `*` (RFC 9110 section 8.8.3.2). A strong comparison
    /// holds for no weak tag.
    static func matches(_ list: UnsafeRawBufferPointer, _ etag: UnsafeRawBufferPointer, weakly: Bool) -> Bool {
        if list.equals("*") { return true }
        guard !etag.isEmpty else { return false }
        var tags = EntityTags(list)
        while let tag = tags.next() {
            if tag.elementsEqual(etag) {
                if weakly || !tag.hasPrefix("W/") { return true }
            } else if weakly, EntityTags.opaque(tag).elementsEqual(EntityTags.opaque(etag)) {
                return true
            }
        }
        return false
    }
}

/// Walks a list of entity tags. A comma inside a tag's quotes separates nothing (RFC 9110 section 8.8.3).
struct EntityTags {
    private let list: UnsafeRawBufferPointer
    private var position = 0

    init(_ list: UnsafeRawBufferPointer) {
        self.list = list
    }

    /// The next member, whatever it is; empty ones are left out.
    mutating func next() -> UnsafeRawBufferPointer? {
        while position < list.count {
            let start = position
            var isQuoted = false
            while position < list.count, isQuoted || list[position] != UInt8(ascii: ",") {
                if list[position] == UInt8(ascii: "\"") { isQuoted.toggle() }
                position += 1
            }
            let member = list.slice(start..<position).trimmed()
            position += 1
            if !member.isEmpty { return member }
        }
        return nil
    }

    /// The tag without its mark of weakness.
    static func opaque(_ tag: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        tag.hasPrefix("W/") ? tag.slice(2..<tag.count) : tag
    }
}
