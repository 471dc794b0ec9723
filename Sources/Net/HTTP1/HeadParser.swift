// SPDX-License-Identifier: Apache-2.0
//
// The lines of an HTTP/1.1 head (RFC 9112), strictly: CRLF only, no folding, no space before a colon. What
// peers have read differently from one another is what request smuggling is made of.

/// Walks the lines of a complete head, requests and responses alike.
struct HeadLines {
    enum Line {
        case field(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)
        /// The empty line that ends the head.
        case end
        case malformed
    }

    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Where a head ends.
    enum Extent: Equatable {
        /// The length with the empty line that ends it.
        case whole(Int)
        case unfinished
        /// A line feed without its carriage return: more input would not mend it.
        case malformed
    }

    /// How far the head at the start of `bytes` reaches. Looks only from `start`.
    static func extent(in bytes: UnsafeRawBufferPointer, from start: Int = 0) -> Extent {
        var position = max(0, start - 1)
        while let lineFeed = bytes.position(of: 0x0A, from: position) {
            guard lineFeed > 0, bytes[lineFeed - 1] == 0x0D else { return .malformed }
            if lineFeed >= 3, bytes[lineFeed - 2] == 0x0A, bytes[lineFeed - 3] == 0x0D { return .whole(lineFeed + 1) }
            position = lineFeed + 1
        }
        return .unfinished
    }

    /// The next line without its CRLF; nil when a bare CR or LF is in it or it does not end.
    mutating func nextLine() -> UnsafeRawBufferPointer? {
        guard let lineFeed = bytes.position(of: 0x0A, from: position) else { return nil }
        guard lineFeed > position, bytes[lineFeed - 1] == 0x0D else { return nil }
        let line = bytes.slice(position..<lineFeed - 1)
        position = lineFeed + 1
        return line.position(of: 0x0D) == nil ? line : nil
    }

    /// `trimsNames` lets spaces stand before the colon, which a response may not have but a proxy is to take away
    /// (RFC 9112 section 5.1); a request is refused for them.
    mutating func nextField(trimsNames: Bool = false) -> Line {
        guard let line = nextLine() else { return .malformed }
        if line.isEmpty { return .end }
        // A line that starts with a space would be obs-fold: not a token character, hence malformed.
        guard let colon = line.position(of: UInt8(ascii: ":")), colon > 0 else { return .malformed }
        var end = colon
        if trimsNames { while end > 0, line[end - 1] == 0x20 || line[end - 1] == 0x09 { end -= 1 } }
        let name = line.slice(0..<end)
        guard end > 0, name.allSatisfy(isTokenCharacter) else { return .malformed }
        let value = line.slice(colon + 1..<line.count).trimmed()
        guard value.allSatisfy(isFieldValueCharacter) else { return .malformed }
        return .field(name: name, value: value)
    }
}
