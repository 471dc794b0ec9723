// SPDX-License-Identifier: Apache-2.0

/// The request methods that are told apart (RFC 9110 section 9.3); everything else is `other`.
public enum Method: UInt8, Sendable {
    case get, head, options, other

    /// Reads a method name, which is case-sensitive.
    init(_ name: UnsafeRawBufferPointer) {
        if name.equals("GET") {
            self = .get
        } else if name.equals("HEAD") {
            self = .head
        } else if name.equals("OPTIONS") {
            self = .options
        } else {
            self = .other
        }
    }

    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .options: "OPTIONS"
        case .other: "OTHER"
        }
    }
}
