// SPDX-License-Identifier: Apache-2.0

/// Finds out that a request has been here before (RFC 8586). Pure.
///
/// Each node that passes a request on appends its name to `CDN-Loop`. A request that comes with our own name in it goes
/// round in a circle, and is answered 508 instead of being passed on once more.
public struct CDNLoop: Sendable {
    /// A longer list is a circle of others, which do not look at it.
    public static let fieldBytesMax = 2048

    /// What the field lines of a request say.
    public enum Verdict: Sendable, Equatable {
        /// It may be passed on, with this as its `CDN-Loop`.
        case passes(field: [UInt8])
        /// It has been here, or nobody can say whether: it is not to be passed on.
        case loops
    }

    private let name: [UInt8]

    /// `node` tells this node from all others on the way: edges and their shields must differ in it. Bytes that no token
    /// may have become `-`.
    public init(node: String) {
        name = Array("spillway-".utf8) + node.utf8.map { isTokenCharacter($0) ? $0 : UInt8(ascii: "-") }
    }

    /// `lines` are the values of the request's `CDN-Loop` fields in their order. What is not in the grammar is passed on as
    /// it is, because to drop it would hide a circle (RFC 8586 section 2); our name is looked for in all of it.
    public func verdict(_ lines: [[UInt8]]) -> Verdict {
        var field: [UInt8] = []
        for line in lines where !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
            guard line.allSatisfy(isFieldValueCharacter), !holdsOurName(line) else { return .loops }
            field += line
            field += ", ".utf8
        }
        field += name
        return field.count <= Self.fieldBytesMax ? .passes(field: field) : .loops
    }

    /// A member is a name (a host with an optional port, or a pseudonym) and parameters behind semicolons, whose quoted
    /// values may hold commas. Names are compared without regard to case, as host names are.
    private func holdsOurName(_ line: [UInt8]) -> Bool {
        line.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                // A quote that does not end would hide all names that are appended from now on.
                guard let end = Self.memberEnd(bytes, from: start) else { return true }
                let member = bytes.slice(start..<end)
                let nameEnd = member.position(of: UInt8(ascii: ";")) ?? member.count
                let found = member.slice(0..<nameEnd).trimmed().lazy.map(asciiLowercase)
                if found.elementsEqual(name.lazy.map(asciiLowercase)) { return true }
                start = end + 1
            }
            return false
        }
    }

    /// The position of the comma behind the member that begins at `start`, or the end; nil inside a quoted string.
    private static func memberEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var isQuoted = false
        var isEscaped = false
        for index in start..<bytes.count {
            let byte = bytes[index]
            if isEscaped {
                isEscaped = false
            } else if isQuoted, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if byte == UInt8(ascii: ","), !isQuoted {
                return index
            }
        }
        return isQuoted ? nil : bytes.count
    }
}
