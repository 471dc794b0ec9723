// SPDX-License-Identifier: Apache-2.0

/// The head of a request as views into its connection's memory.
///
/// Valid only during `RequestHandler.handle`; whoever needs a value later copies it. Absent fields are
/// empty views with a nil base address.
public struct RequestHead {
    public internal(set) var method = Method.other
    /// The request target: an absolute path with an optional query.
    public internal(set) var target = UnsafeRawBufferPointer(start: nil, count: 0)
    /// `:authority` or `Host`.
    public internal(set) var authority = UnsafeRawBufferPointer(start: nil, count: 0)
    public internal(set) var range = UnsafeRawBufferPointer(start: nil, count: 0)
    public internal(set) var ifRange = UnsafeRawBufferPointer(start: nil, count: 0)
    public internal(set) var ifNoneMatch = UnsafeRawBufferPointer(start: nil, count: 0)
    public internal(set) var cookie = UnsafeRawBufferPointer(start: nil, count: 0)
    public internal(set) var origin = UnsafeRawBufferPointer(start: nil, count: 0)
    /// True when the request came from a page of another site.
    public var hasOrigin: Bool { !origin.isEmpty }
    /// True when content follows the head.
    public internal(set) var hasContent = false
    /// The client speaks HTTP/1.0.
    var isHTTP10 = false

    init() {}

    /// Which field of interest a name is. HTTP/2 names are lower case already; HTTP/1.1 names are lowered by the parser.
    enum Field {
        case authority, range, ifRange, ifNoneMatch, cookie, origin, other

        @inline(__always)
        init(lowercaseName name: UnsafeRawBufferPointer) {
            switch name.count {
            case 4 where name.equals("host"): self = .authority
            case 5 where name.equals("range"): self = .range
            case 6 where name.equals("cookie"): self = .cookie
            case 6 where name.equals("origin"): self = .origin
            case 8 where name.equals("if-range"): self = .ifRange
            case 13 where name.equals("if-none-match"): self = .ifNoneMatch
            default: self = .other
            }
        }
    }
}
