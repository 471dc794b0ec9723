// SPDX-License-Identifier: Apache-2.0

/// The request methods of RFC 9110 section 9.3 and RFC 5789; everything else is `other`.
public enum Method: UInt8, Sendable {
    case get, head, options, post, put, delete, patch, trace, connect, other

    /// Reads a method name, which is case-sensitive.
    init(_ name: UnsafeRawBufferPointer) {
        switch name.count {
        case 3 where name.equals("GET"): self = .get
        case 4 where name.equals("HEAD"): self = .head
        case 7 where name.equals("OPTIONS"): self = .options
        case 4 where name.equals("POST"): self = .post
        case 3 where name.equals("PUT"): self = .put
        case 6 where name.equals("DELETE"): self = .delete
        case 5 where name.equals("PATCH"): self = .patch
        case 5 where name.equals("TRACE"): self = .trace
        case 7 where name.equals("CONNECT"): self = .connect
        default: self = .other
        }
    }

    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .options: "OPTIONS"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .patch: "PATCH"
        case .trace: "TRACE"
        case .connect: "CONNECT"
        case .other: "OTHER"
        }
    }
}
