// SPDX-License-Identifier: Apache-2.0

/// Something that the check has to read next.
public struct CheckRequest: Sendable, Equatable {
    public enum Kind: Sendable {
        case playlist, initialization, segment, key
    }

    public var kind: Kind
    /// A URL, or a path that begins with `/` inside the folder that is checked, with percent escapes.
    public var address: String
    /// The bytes that are wanted; nil for all.
    public var range: Range<Int>?
    /// More bytes than this are refused.
    public var bytesMax: Int

    public init(kind: Kind, address: String, range: Range<Int>?, bytesMax: Int) {
        self.kind = kind
        self.address = address
        self.range = range
        self.bytesMax = bytesMax
    }
}

/// What came of a request.
public enum CheckResponse: Sendable {
    case content([UInt8], Delivery?)
    /// It can not be had; why, in a few words.
    case failure(String)
}

/// How a server delivered a resource.
public struct Delivery: Sendable, Equatable {
    /// Where the resource was in the end.
    public var address: String
    /// Without parameters, in lower case; nil when the server gives none.
    public var contentType: String?
    public var contentEncoding: String?
    public var redirects: Int

    public init(address: String, contentType: String?, contentEncoding: String?, redirects: Int) {
        self.address = address
        self.contentType = contentType
        self.contentEncoding = contentEncoding
        self.redirects = redirects
    }
}
