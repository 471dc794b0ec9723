// SPDX-License-Identifier: Apache-2.0

/// What RFC 9113 section 8 asks of a request's head and of its trailers, field by field in the order of their arrival.
/// Pure. nghttp2's own checks are off: they took an eighth of the instructions of a small hit.
///
/// A message that breaks a rule is malformed, and its stream is reset (section 8.1.1). What is well-formed and still
/// makes no sense (a host that no host can have) gets a status from `RequestRules`.
struct MessageRules {
    enum PseudoField: UInt8 {
        case method = 1
        case scheme = 2
        case path = 4
        case authority = 8
    }

    private let isTrailer: Bool
    /// The raw values of the pseudo-fields that have come.
    private var seen: UInt8 = 0
    /// A regular field has come: no pseudo-field may follow (section 8.3).
    private var hasRegularField = false
    private(set) var isMalformed = false
    /// What `content-length` says; nil when there is none.
    private(set) var contentLength: Int?

    init(isTrailer: Bool) {
        self.isTrailer = isTrailer
    }

    /// Takes a field whose name begins with a colon. Nil when it makes the message malformed.
    @inline(__always)
    mutating func takePseudoField(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> PseudoField? {
        guard !isTrailer, !hasRegularField, let field = PseudoField(name), seen & field.rawValue == 0,
            Self.isValid(field, value)
        else {
            isMalformed = true
            return nil
        }
        seen |= field.rawValue
        return field
    }

    /// Takes a field with any other name. False when it makes the message malformed.
    @inline(__always)
    mutating func takeField(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        hasRegularField = true
        guard FieldCharacters.isLowercaseName(name), FieldCharacters.isValue(value), isAllowed(name, value) else {
            isMalformed = true
            return false
        }
        return true
    }

    /// Fields of a connection have no place in HTTP/2 (section 8.2.2).
    @inline(__always)
    private mutating func isAllowed(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        switch name.count {
        case 2 where name.equals("te"): return value.equalsIgnoringCase("trailers")
        case 7: return !name.equals("upgrade")
        case 10: return !name.equals("connection") && !name.equals("keep-alive")
        case 14 where name.equals("content-length"): return takeContentLength(value)
        case 16: return !name.equals("proxy-connection")
        case 17: return !name.equals("transfer-encoding")
        default: return true
        }
    }

    /// Even equal lengths twice are refused: somebody on the way has put one in.
    private mutating func takeContentLength(_ value: UnsafeRawBufferPointer) -> Bool {
        guard !isTrailer, contentLength == nil, let length = value.decimal else { return false }
        contentLength = length
        return true
    }

    /// True when the fields make a whole request (sections 8.3.1 and 8.5). `head` has been given what it keeps of them.
    @inline(__always)
    func isRequest(_ head: RequestHead, hasContent: Bool) -> Bool {
        guard !isMalformed, hasContent || (contentLength ?? 0) == 0 || head.method == .connect else { return false }
        guard head.method != .connect else {
            return seen == PseudoField.method.rawValue | PseudoField.authority.rawValue
        }
        let needed = PseudoField.method.rawValue | PseudoField.scheme.rawValue | PseudoField.path.rawValue
        guard seen & needed == needed, seen & PseudoField.authority.rawValue != 0 || !head.host.isEmpty else {
            return false
        }
        // One that was too long to keep is empty here, and gets 414.
        guard let first = head.target.first else { return true }
        return first == UInt8(ascii: "/")
            || (first == UInt8(ascii: "*") && head.target.count == 1 && head.method == .options)
    }

    @inline(__always)
    private static func isValid(_ field: PseudoField, _ value: UnsafeRawBufferPointer) -> Bool {
        switch field {
        case .method: !value.isEmpty && value.allSatisfy(isTokenCharacter)
        case .scheme: isScheme(value)
        case .path: FieldCharacters.isTarget(value)
        case .authority: FieldCharacters.isAuthority(value)
        }
    }

    /// RFC 3986 section 3.1.
    @inline(__always)
    private static func isScheme(_ value: UnsafeRawBufferPointer) -> Bool {
        if value.equals("https") { return true }
        guard let first = value.first, (0x61...0x7A).contains(asciiLowercase(first)) else { return false }
        return value.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: true
            default: false
            }
        }
    }
}

extension MessageRules.PseudoField {
    @inline(__always)
    fileprivate init?(_ name: UnsafeRawBufferPointer) {
        switch name.count {
        case 5 where name.equals(":path"): self = .path
        case 7 where name.equals(":method"): self = .method
        case 7 where name.equals(":scheme"): self = .scheme
        case 10 where name.equals(":authority"): self = .authority
        default: return nil
        }
    }
}
