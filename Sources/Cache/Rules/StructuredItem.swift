// SPDX-License-Identifier: Apache-2.0

/// A value of a Structured Field (RFC 9651 section 3). Parameters are read and dropped: no directive has any.
enum StructuredItem: Equatable {
    case integer(Int64)
    /// The digits as they stand; nothing here needs the number.
    case decimal([UInt8])
    case string([UInt8])
    case token([UInt8])
    case boolean(Bool)
    /// Valid, and without a meaning for a cache: a byte sequence, a date, a display string, an inner list.
    case other
}

/// Reads Structured Fields from their front (RFC 9651 section 4.2). Every verb returns nil on a syntax error, after which
/// the whole field is to be ignored.
struct StructuredCursor {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position == bytes.count }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    mutating func skipSpaces() {
        while next == 0x20 { position += 1 }
    }

    mutating func skipBlanks() {
        while let byte = next, isBlank(byte) { position += 1 }
    }

    /// Bytes as long as they fulfil the condition.
    private mutating func take(while condition: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let start = position
        while let byte = next, condition(byte) { position += 1 }
        return bytes[start..<position]
    }

    /// A key, which is in lower case (section 4.2.3.3).
    mutating func key() -> [UInt8]? {
        guard let first = next, isLowercase(first) || first == UInt8(ascii: "*") else { return nil }
        return Array(
            take { byte in
                isLowercase(byte) || isDigit(byte) || "_-.*".utf8.contains(byte)
            })
    }

    /// An item or an inner list with its parameters.
    mutating func member() -> StructuredItem? {
        guard skip(UInt8(ascii: "(")) else { return item() }
        while true {
            skipSpaces()
            if skip(UInt8(ascii: ")")) { return parameters() ? .other : nil }
            guard item() != nil, next == 0x20 || next == UInt8(ascii: ")") else { return nil }
        }
    }

    mutating func item() -> StructuredItem? {
        guard let value = bareItem(), parameters() else { return nil }
        return value
    }

    /// False on a syntax error.
    mutating func parameters() -> Bool {
        while skip(UInt8(ascii: ";")) {
            skipSpaces()
            guard key() != nil else { return false }
            if skip(UInt8(ascii: "=")), bareItem() == nil { return false }
        }
        return true
    }

    private mutating func bareItem() -> StructuredItem? {
        guard let first = next else { return nil }
        switch first {
        case UInt8(ascii: "-"), 0x30...0x39: return number()
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "*"), 0x41...0x5A, 0x61...0x7A:
            return .token(Array(take { isTokenCharacter($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") }))
        case UInt8(ascii: "?"):
            position += 1
            if skip(UInt8(ascii: "1")) { return .boolean(true) }
            return skip(UInt8(ascii: "0")) ? .boolean(false) : nil
        case UInt8(ascii: ":"): return byteSequence()
        case UInt8(ascii: "@"):
            position += 1
            guard case .integer? = number() else { return nil }
            return .other
        case UInt8(ascii: "%"): return displayString()
        default: return nil
        }
    }

    /// At most 15 digits, or 12 and a fraction of 1 to 3 (section 4.2.4).
    private mutating func number() -> StructuredItem? {
        let isNegative = skip(UInt8(ascii: "-"))
        let whole = take(while: isDigit)
        guard !whole.isEmpty else { return nil }
        if skip(UInt8(ascii: ".")) {
            let fraction = take(while: isDigit)
            guard whole.count <= 12, (1...3).contains(fraction.count) else { return nil }
            return .decimal((isNegative ? [UInt8(ascii: "-")] : []) + whole + [UInt8(ascii: ".")] + fraction)
        }
        guard whole.count <= 15 else { return nil }
        let value = whole.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
        return .integer(isNegative ? -value : value)
    }

    private mutating func string() -> StructuredItem? {
        position += 1
        var value: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return .string(value)
            case UInt8(ascii: "\\"):
                guard let escaped = next, escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\") else {
                    return nil
                }
                value.append(escaped)
                position += 1
            case 0x20...0x7E: value.append(byte)
            default: return nil
            }
        }
        return nil
    }

    private mutating func byteSequence() -> StructuredItem? {
        position += 1
        _ = take { byte in
            isDigit(byte) || isLowercase(byte | 0x20) && byte >= 0x41 || "+/=".utf8.contains(byte)
        }
        return skip(UInt8(ascii: ":")) ? .other : nil
    }

    /// `%"..."` with escapes of two hexadecimal digits in lower case (section 4.2.10). That they make UTF-8 is not checked.
    private mutating func displayString() -> StructuredItem? {
        position += 1
        guard skip(UInt8(ascii: "\"")) else { return nil }
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return .other
            case UInt8(ascii: "%"):
                guard position + 2 <= bytes.count, bytes[position..<position + 2].allSatisfy(isLowercaseHexDigit) else {
                    return nil
                }
                position += 2
            case 0x20...0x7E: break
            default: return nil
            }
        }
        return nil
    }
}

private func isLowercase(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }

private func isLowercaseHexDigit(_ byte: UInt8) -> Bool { isDigit(byte) || (0x61...0x66).contains(byte) }
