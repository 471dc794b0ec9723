// SPDX-License-Identifier: Apache-2.0

/// What RFC 9113 section 8 asks of a request's head and of its trailers, field by field in the order of their arrival.
/// Pure. nghttp2 does not see the fields. What a field's bytes alone say is `FieldKind`'s to judge; here is what depends
/// on the others.
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

    /// The raw values of the pseudo-fields that have come.
    private var seen: UInt8 = 0
    /// A regular field has come: no pseudo-field may follow (section 8.3).
    private var hasRegularField = false
    private(set) var isMalformed = false
    /// What `content-length` says; nil when there is none.
    private(set) var contentLength: Int?

    init() {}

    /// Takes the next field. False when it makes the message malformed.
    @inline(__always)
    mutating func take(_ field: HeaderField) -> Bool {
        let isGood: Bool
        switch field.kind {
        case .pseudo(let pseudo):
            isGood = !hasRegularField && seen & pseudo.rawValue == 0
            seen |= pseudo.rawValue
        case .contentLength:
            hasRegularField = true
            isGood = takeContentLength(field.value)
        default:
            hasRegularField = true
            isGood = true
        }
        if isGood, field.isAllowed { return true }
        isMalformed = true
        return false
    }

    /// Even equal lengths twice are refused: somebody on the way has put one in.
    private mutating func takeContentLength(_ value: UnsafeRawBufferPointer) -> Bool {
        guard contentLength == nil, let length = value.decimal else { return false }
        contentLength = length
        return true
    }

    /// Trailers have no pseudo-fields (section 8.1) and tell no length.
    var isTrailer: Bool { !isMalformed && seen == 0 && contentLength == nil }

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
}

extension MessageRules.PseudoField {
    @inline(__always)
    init?(_ name: UnsafeRawBufferPointer) {
        switch name.count {
        case 5 where name.equals(":path"): self = .path
        case 7 where name.equals(":method"): self = .method
        case 7 where name.equals(":scheme"): self = .scheme
        case 10 where name.equals(":authority"): self = .authority
        default: return nil
        }
    }

    /// Whether the value's characters are those that it may have.
    @inline(__always)
    func allows(_ value: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .method: !value.isEmpty && value.allSatisfy(isTokenCharacter)
        case .scheme: Self.isScheme(value)
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
