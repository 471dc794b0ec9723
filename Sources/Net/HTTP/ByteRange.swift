// SPDX-License-Identifier: Apache-2.0

/// A single byte range as the client asked for it (RFC 9110 section 14.1.2).
public enum ByteRange: Sendable, Equatable {
    /// `bytes=first-last`, both inclusive.
    case closed(first: Int, last: Int)
    /// `bytes=first-`.
    case from(first: Int)
    /// `bytes=-length`.
    case suffix(length: Int)

    /// What becomes of a range once the length of the representation is known.
    public enum Resolution: Sendable, Equatable {
        case satisfiable(Range<Int>)
        case unsatisfiable
    }

    /// Reads a `Range` field value. Nil for another unit, several ranges and anything malformed.
    public init?(_ value: UnsafeRawBufferPointer) {
        guard value.count > 6, value.slice(0..<6).equalsIgnoringCase("bytes=") else { return nil }
        self.init(specifier: value.slice(6..<value.count).trimmed())
    }

    /// Reads what stands behind the unit: `first-last`, `first-` or `-length`.
    init?(specifier set: UnsafeRawBufferPointer) {
        guard let dash = set.position(of: UInt8(ascii: "-")) else { return nil }
        let first = set.slice(0..<dash)
        let last = set.slice(dash + 1..<set.count)
        switch (first.isEmpty, last.isEmpty) {
        case (true, true): return nil
        case (true, false):
            guard let length = last.decimal else { return nil }
            self = .suffix(length: length)
        case (false, true):
            guard let first = first.decimal else { return nil }
            self = .from(first: first)
        case (false, false):
            guard let first = first.decimal, let last = last.decimal, first <= last else { return nil }
            self = .closed(first: first, last: last)
        }
    }

    /// Applies the range to a representation of `length` bytes (RFC 9110 section 14.1.2).
    public func resolve(length: Int) -> Resolution {
        switch self {
        case .closed(let first, let last):
            guard first < length else { return .unsatisfiable }
            return .satisfiable(first..<min(last, length - 1) + 1)
        case .from(let first):
            guard first < length else { return .unsatisfiable }
            return .satisfiable(first..<length)
        case .suffix(let suffix):
            guard suffix > 0, length > 0 else { return .unsatisfiable }
            return .satisfiable(max(0, length - suffix)..<length)
        }
    }
}
