// SPDX-License-Identifier: Apache-2.0

/// One directive of a `Cache-Control` field line.
struct Directive: Equatable {
    enum Argument: Equatable {
        case none
        /// A token or a quoted string, its quotes and escapes taken away.
        case value([UInt8])
        /// Something stands there that the grammar does not allow: blanks around `=`, text behind closing quotes.
        case malformed

        /// The number of seconds; nil where there is none that could be trusted.
        var seconds: Int64? {
            guard case .value(let value) = self else { return nil }
            return DeltaSeconds.parse(value)
        }
    }

    /// In lower case.
    let name: [UInt8]
    let argument: Argument
}

/// Takes field lines of the form of RFC 9111 section 5.2 apart: `1#( token [ "=" ( token / quoted-string ) ] )`.
///
/// Commas in quotes separate nothing. In a line whose quotes are not closed every comma separates, for `no-store` must
/// not disappear in a string; but no number of such a line is trusted. All directives are read, for the last may be the one
/// that forbids; the limit on a head's size bounds them.
enum DirectiveList {
    static func parse(_ lines: [[UInt8]]) -> [Directive] {
        lines.flatMap(parseLine)
    }

    private static func parseLine(_ line: [UInt8]) -> [Directive] {
        let (members, isClosed) = split(line)
        return members.compactMap { member in
            let text = member.trimmed
            guard !text.isEmpty else { return nil }
            guard let equals = text.firstIndex(of: UInt8(ascii: "=")) else {
                return Directive(name: text.lowercase, argument: .none)
            }
            let name = text[..<equals]
            let argument = text[text.index(after: equals)...]
            // Known directives are recognised in spite of the blank, so that those that restrict still do.
            guard isClosed, name.last.map(isBlank) != true, argument.first.map(isBlank) != true else {
                return Directive(name: name.trimmed.lowercase, argument: .malformed)
            }
            return Directive(name: name.lowercase, argument: unquoted(argument))
        }
    }

    /// The line cut at its commas, and whether its quotes are closed.
    private static func split(_ line: [UInt8]) -> (members: [ArraySlice<UInt8>], isClosed: Bool) {
        var members: [ArraySlice<UInt8>] = []
        var start = 0
        var position = 0
        var isQuoted = false
        while position < line.count {
            switch line[position] {
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: "\\") where isQuoted: position += 1
            case UInt8(ascii: ",") where !isQuoted:
                members.append(line[start..<position])
                start = position + 1
            default: break
            }
            position += 1
        }
        guard !isQuoted else { return (line.split(separator: UInt8(ascii: ",")), false) }
        members.append(line[start...])
        return (members, true)
    }

    private static func unquoted(_ argument: ArraySlice<UInt8>) -> Directive.Argument {
        guard argument.first == UInt8(ascii: "\"") else { return .value(Array(argument)) }
        var value: [UInt8] = []
        var position = argument.startIndex + 1
        while position < argument.endIndex, argument[position] != UInt8(ascii: "\"") {
            if argument[position] == UInt8(ascii: "\\"), position + 1 < argument.endIndex { position += 1 }
            value.append(argument[position])
            position += 1
        }
        // The closing quotes end the directive.
        return position == argument.endIndex - 1 ? .value(value) : .malformed
    }
}
