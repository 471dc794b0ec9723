// SPDX-License-Identifier: Apache-2.0

/// The attributes of one tag: `NAME=value,NAME="quoted value"` (RFC 8216 section 4.2).
struct AttributeList {
    private var values: [String: String] = [:]
    private var quotedNames: Set<String> = []
    private let line: PlaylistLine

    /// Parses the value of `line`; a name that occurs twice is an error.
    init(_ line: PlaylistLine) throws(PlaylistError) {
        self.line = line
        // By scalars: a mark behind a quote or an equals sign must not make another Character of it.
        var rest = Substring(line.value).unicodeScalars
        while !rest.isEmpty {
            guard let equals = rest.firstIndex(of: "=") else { throw line.error("an attribute without a value") }
            let name = String(rest[..<equals]).trimmed
            guard !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte) else {
                throw line.error("`\(name.prefix(40))` is not an attribute's name")
            }
            rest = rest[rest.index(after: equals)...]
            let value: String
            if rest.first == "\"" {
                rest.removeFirst()
                guard let quote = rest.firstIndex(of: "\"") else { throw line.error("a quoted value does not end") }
                value = String(rest[..<quote])
                rest = rest[rest.index(after: quote)...]
                quotedNames.insert(name)
                guard rest.isEmpty || rest.first == "," else { throw line.error("text behind a quoted value") }
            } else {
                let comma = rest.firstIndex(of: ",") ?? rest.endIndex
                value = String(rest[..<comma])
                rest = rest[comma...]
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw line.error("the attribute \(name) occurs twice")
            }
            if rest.first == "," { rest.removeFirst() }
        }
    }

    subscript(_ name: String) -> String? { values[name] }

    /// The value was written as a quoted string.
    func isQuoted(_ name: String) -> Bool { quotedNames.contains(name) }

    /// The value of an attribute that the tag must have.
    func required(_ name: String) throws(PlaylistError) -> String {
        guard let value = values[name], !value.isEmpty else { throw line.error("\(name) is missing") }
        return value
    }

    func integer(_ name: String) throws(PlaylistError) -> Int? {
        guard let value = values[name] else { return nil }
        return try line.integer(value)
    }

    func float(_ name: String) throws(PlaylistError) -> Double? {
        guard let value = values[name] else { return nil }
        return try line.float(value)
    }

    /// `<width>x<height>`.
    func resolution(_ name: String) throws(PlaylistError) -> PictureSize? {
        guard let value = values[name] else { return nil }
        let parts = value.split(separator: "x", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw line.error("`\(value.prefix(40))` is not a resolution") }
        return PictureSize(
            width: try line.integer(parts[0], max: 1 << 20), height: try line.integer(parts[1], max: 1 << 20))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D
    }
}

extension String {
    /// Without spaces and tabs at both ends.
    var trimmed: String {
        var scalars = Substring(self)
        while scalars.first == " " || scalars.first == "\t" { scalars.removeFirst() }
        while scalars.last == " " || scalars.last == "\t" { scalars.removeLast() }
        return String(scalars)
    }
}
