// SPDX-License-Identifier: Apache-2.0

/// The fields of a request that a stored response depends on (RFC 9111 section 4.1).
public struct VaryRule: Sendable, Equatable {
    /// What the `Vary` lines of a response say.
    public enum Parsed: Sendable, Equatable {
        /// Any request for the key may be answered with it.
        case independent
        case selecting(VaryRule)
        /// `*`, too many names, or something that is no name: no other request is ever known to match.
        case unmatchable
    }

    /// A response that depends on more has more variants than a cache could use.
    public static let namesMax = 16
    /// The bytes of selecting values in one key; a request with more has no key.
    public static let keyBytesMax = 8192

    /// In lower case, each once, in alphabetical order: the order in a response does not matter.
    public let names: [[UInt8]]

    /// Reads the values of all lines of `Vary`. The names in `answered`, in lower case, are left out: those that never go
    /// upstream, because the answer to them is made here.
    public static func parse(_ lines: [[UInt8]], answered: [[UInt8]] = []) -> Parsed {
        var names: Set<[UInt8]> = []
        for line in lines {
            for member in line.split(separator: UInt8(ascii: ",")) {
                let name = member.trimmed.lowercase
                guard !name.isEmpty else { continue }
                guard name.isToken, !name.isEqual("*") else { return .unmatchable }
                if !answered.contains(name) { names.insert(name) }
                guard names.count <= namesMax else { return .unmatchable }
            }
        }
        guard !names.isEmpty else { return .independent }
        return .selecting(VaryRule(names: names.sorted { $0.lexicographicallyPrecedes($1) }))
    }

    /// The key of the variant that a request with these fields selects; nil when its values are too long for one, which
    /// makes its response uncacheable and lets it match nothing.
    public func key(of request: [FieldLine]) -> VariantKey? {
        var bytes: [UInt8] = []
        for name in names {
            let lines = request.filter { $0.name == name }.map(\.value)
            append(name, to: &bytes)
            if lines.isEmpty {
                bytes.append(0)
            } else {
                bytes.append(1)
                append(SelectingValue.normalized(lines, of: name), to: &bytes)
            }
            guard bytes.count <= Self.keyBytesMax else { return nil }
        }
        return VariantKey(bytes)
    }

    /// True when a request with these fields selects the stored response with that key.
    public func matches(_ key: VariantKey, _ request: [FieldLine]) -> Bool {
        self.key(of: request) == key
    }

    /// The length in front keeps values apart, whatever is in them.
    private func append(_ value: [UInt8], to bytes: inout [UInt8]) {
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: value.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: value)
    }
}
