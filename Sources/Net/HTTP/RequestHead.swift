// SPDX-License-Identifier: Apache-2.0

/// The head of a request as views into its connection's memory.
///
/// Valid only during `RequestHandler.handle`; whoever needs a value later copies it. Absent fields are
/// empty views with a nil base address. Several lines of one field are one list (RFC 9110 section 5.3); a field that
/// is no list and came twice is thus something that nobody can read, and is ignored like other nonsense.
public struct RequestHead {
    private static var none: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    public internal(set) var method = Method.other
    /// The request target: an absolute path with an optional query, or `*` for OPTIONS; empty for CONNECT.
    public internal(set) var target = Self.none
    /// The host that is asked: `:authority`, the authority of an absolute target, or `Host`. Empty in HTTP/1.0 only.
    public internal(set) var authority = Self.none
    public internal(set) var range = Self.none
    public internal(set) var ifRange = Self.none
    public internal(set) var ifMatch = Self.none
    public internal(set) var ifNoneMatch = Self.none
    public internal(set) var ifModifiedSince = Self.none
    public internal(set) var ifUnmodifiedSince = Self.none
    public internal(set) var acceptEncoding = Self.none
    public internal(set) var cookie = Self.none
    /// Credentials (RFC 9110 section 11.6.2).
    public internal(set) var authorization = Self.none
    public internal(set) var origin = Self.none
    /// What a player says of this request (CTA-5004 section 2.2, `CMCD-Request`).
    public internal(set) var cmcdRequest = Self.none
    /// What a preflight asks for (Fetch standard, CORS protocol).
    public internal(set) var requestedMethod = Self.none
    public internal(set) var requestedHeaders = Self.none
    /// `Host`, which must not contradict `authority`.
    var host = Self.none
    var expect = Self.none
    /// True when the request came from a page of another site.
    public var hasOrigin: Bool { !origin.isEmpty }
    /// True when content follows the head.
    public internal(set) var hasContent = false
    /// The client speaks HTTP/1.0.
    public internal(set) var isHTTP10 = false
    /// The method as it was sent.
    public internal(set) var methodName = Self.none
    /// All regular fields.
    public internal(set) var fields = RequestFields()

    init() {}

    /// The fields that are looked at.
    enum Field {
        case host, range, ifRange, ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince
        case acceptEncoding, cookie, authorization, origin, requestedMethod, requestedHeaders, expect
        case cmcdRequest, other

        /// The field of a name in lower case, as HTTP/2 has them.
        @inline(__always)
        init(lowercaseName name: UnsafeRawBufferPointer) {
            self.init(name) { $0.equals($1) }
        }

        /// The field of a name in any case.
        init(anyCaseName name: UnsafeRawBufferPointer) {
            self.init(name) { $0.equalsIgnoringCase($1) }
        }

        @inline(__always)
        private init(_ name: UnsafeRawBufferPointer, _ equals: (UnsafeRawBufferPointer, StaticString) -> Bool) {
            switch name.count {
            case 4 where equals(name, "host"): self = .host
            case 5 where equals(name, "range"): self = .range
            case 6 where equals(name, "cookie"): self = .cookie
            case 6 where equals(name, "origin"): self = .origin
            case 6 where equals(name, "expect"): self = .expect
            case 8 where equals(name, "if-range"): self = .ifRange
            case 8 where equals(name, "if-match"): self = .ifMatch
            case 12 where equals(name, "cmcd-request"): self = .cmcdRequest
            case 13 where equals(name, "if-none-match"): self = .ifNoneMatch
            case 13 where equals(name, "authorization"): self = .authorization
            case 15 where equals(name, "accept-encoding"): self = .acceptEncoding
            case 17 where equals(name, "if-modified-since"): self = .ifModifiedSince
            case 19 where equals(name, "if-unmodified-since"): self = .ifUnmodifiedSince
            case 29 where equals(name, "access-control-request-method"): self = .requestedMethod
            case 30 where equals(name, "access-control-request-headers"): self = .requestedHeaders
            default: self = .other
            }
        }
    }

    /// Takes the value of a field, which stays where it is. False when `memory` has no room to join it with one before.
    @inline(__always)
    mutating func take(_ field: Field, _ value: UnsafeRawBufferPointer, memory: inout HeadMemory) -> Bool {
        switch field {
        case .host: Self.put(value, in: &host, ", ", &memory)
        case .range: Self.put(value, in: &range, ", ", &memory)
        case .ifRange: Self.put(value, in: &ifRange, ", ", &memory)
        case .ifMatch: Self.put(value, in: &ifMatch, ", ", &memory)
        case .ifNoneMatch: Self.put(value, in: &ifNoneMatch, ", ", &memory)
        case .ifModifiedSince: Self.put(value, in: &ifModifiedSince, ", ", &memory)
        case .ifUnmodifiedSince: Self.put(value, in: &ifUnmodifiedSince, ", ", &memory)
        case .acceptEncoding: Self.put(value, in: &acceptEncoding, ", ", &memory)
        // RFC 9113 section 8.2.3.
        case .cookie: Self.put(value, in: &cookie, "; ", &memory)
        case .authorization: Self.put(value, in: &authorization, ", ", &memory)
        case .origin: Self.put(value, in: &origin, ", ", &memory)
        case .requestedMethod: Self.put(value, in: &requestedMethod, ", ", &memory)
        case .requestedHeaders: Self.put(value, in: &requestedHeaders, ", ", &memory)
        case .expect: Self.put(value, in: &expect, ", ", &memory)
        case .cmcdRequest: Self.put(value, in: &cmcdRequest, ", ", &memory)
        case .other: true
        }
    }

    @inline(__always)
    private static func put(
        _ value: UnsafeRawBufferPointer, in place: inout UnsafeRawBufferPointer, _ separator: StaticString,
        _ memory: inout HeadMemory
    ) -> Bool {
        guard !place.isEmpty else {
            place = value
            return true
        }
        guard let joined = memory.join(place, separator, value) else { return false }
        place = joined
        return true
    }
}
