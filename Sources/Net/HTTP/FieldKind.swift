// SPDX-License-Identifier: Apache-2.0

/// What the name of a field in HTTP/2 says of it. Found once for each name and kept with the entries of HPACK's tables,
/// so that a field that comes again and again is compared with nothing.
enum FieldKind {
    /// No name of a field, or one that has no place in HTTP/2 (RFC 9113 sections 8.2.1, 8.2.2 and 8.3).
    case malformed
    case pseudo(MessageRules.PseudoField)
    case regular(RequestHead.Field)
    case contentLength
    case priority
    /// `te`, which may say one thing only.
    case transferCodings

    init(_ name: UnsafeRawBufferPointer) {
        if name.first == UInt8(ascii: ":") {
            self = MessageRules.PseudoField(name).map { .pseudo($0) } ?? .malformed
        } else if FieldCharacters.isLowercaseName(name) {
            self.init(regular: name)
        } else {
            self = .malformed
        }
    }

    private init(regular name: UnsafeRawBufferPointer) {
        switch name.count {
        case 2 where name.equals("te"): self = .transferCodings
        case 7 where name.equals("upgrade"): self = .malformed
        case 8 where name.equals("priority"): self = .priority
        case 10 where name.equals("connection") || name.equals("keep-alive"): self = .malformed
        case 14 where name.equals("content-length"): self = .contentLength
        case 16 where name.equals("proxy-connection"): self = .malformed
        case 17 where name.equals("transfer-encoding"): self = .malformed
        default: self = .regular(.init(lowercaseName: name))
        }
    }

    /// Whether a field of this kind may have the value, as far as its bytes alone say (RFC 9113 section 8.2.1).
    @inline(__always)
    func allows(_ value: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .malformed: false
        case .pseudo(let field): field.allows(value)
        case .regular, .contentLength, .priority: FieldCharacters.isValue(value)
        case .transferCodings: value.equalsIgnoringCase("trailers")
        }
    }
}

/// A field of a request's head as it came out of its block.
struct HeaderField {
    /// Valid until the next field is read.
    var name: UnsafeRawBufferPointer
    var value: UnsafeRawBufferPointer
    var kind: FieldKind
    /// The kind allows the value.
    var isAllowed: Bool
    /// The value stays where it is until the next block.
    var isValueStable: Bool
}
