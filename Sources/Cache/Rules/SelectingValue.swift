// SPDX-License-Identifier: Apache-2.0

/// Brings the values of a selecting field into one form, so that requests that mean the same share a variant (RFC 9111
/// section 4.1): lines are combined, blanks around commas go. Of `Accept-Language`, case and order go as well.
enum SelectingValue {
    static func normalized(_ lines: [[UInt8]], of name: [UInt8]) -> [UInt8] {
        var members = lines.flatMap(members)
        if name.isEqual("accept-language") {
            // Equal weights have no order between them (RFC 9110 section 12.4.2), and different ones stand in the text.
            members = members.map { $0.lowercase.filter { !isBlank($0) } }.filter { !$0.isEmpty }
            members.sort { $0.lexicographicallyPrecedes($1) }
        }
        return Array(members.joined(separator: [UInt8(ascii: ",")]))
    }

    /// The line cut at commas outside quotes. Where quotes stay open nothing is cut.
    private static func members(_ line: [UInt8]) -> [[UInt8]] {
        var members: [[UInt8]] = []
        var start = 0
        var position = 0
        var isQuoted = false
        while position < line.count {
            switch line[position] {
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: "\\") where isQuoted: position += 1
            case UInt8(ascii: ",") where !isQuoted:
                members.append(Array(line[start..<position].trimmed))
                start = position + 1
            default: break
            }
            position += 1
        }
        guard !isQuoted else { return [Array(line.trimmed)] }
        return members + [Array(line[start...].trimmed)]
    }
}
