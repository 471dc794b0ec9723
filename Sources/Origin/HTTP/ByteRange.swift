// SPDX-License-Identifier: Apache-2.0

/// What a `Range` header asks of an object of a known size (RFC 9110 section 14).
enum ByteRange: Equatable {
    /// No range, one that is not understood, or several ranges: the whole object answers.
    case whole
    /// The bytes from `first` to `last`, both included.
    case part(first: Int64, last: Int64)
    /// Nothing of the object is in the range: 416.
    case unsatisfiable

    /// Reads the header's value.
    init(header: String?, size: Int64) {
        self = .whole
        guard let header, header.hasPrefix("bytes=") else { return }
        let spec = header.dropFirst(6)
        guard let dash = spec.firstIndex(of: "-"), !spec.contains(",") else { return }
        let (firstText, lastText) = (spec[..<dash], spec[spec.index(after: dash)...])
        if firstText.isEmpty {
            guard let suffix = Self.number(lastText) else { return }
            guard suffix > 0, size > 0 else {
                self = .unsatisfiable
                return
            }
            self = .part(first: max(0, size - suffix), last: size - 1)
            return
        }
        guard let first = Self.number(firstText) else { return }
        var last = size - 1
        if !lastText.isEmpty {
            guard let asked = Self.number(lastText), asked >= first else { return }
            last = min(asked, size - 1)
        }
        self = first < size ? .part(first: first, last: last) : .unsatisfiable
    }

    /// Digits only; a number beyond 2^63 counts as the largest.
    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int64(text) ?? .max
    }
}
