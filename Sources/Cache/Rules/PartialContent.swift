// SPDX-License-Identifier: Apache-2.0

/// What to do with a 206 (RFC 9111 sections 3.3 and 3.4, RFC 9110 section 15.3.7).
public enum PartialContent: Sendable, Equatable {
    /// The bytes belong to the stored representation: its whole slices are added, and the fields updated (`FieldMerge`).
    case combine(range: Range<Int>, total: Int)
    /// Nothing is stored, or something else: the slices of this response make a new representation.
    case replace(range: Range<Int>, total: Int)
    /// The answer can be passed to the client that asked, and nothing of it be stored: several ranges, no length, not the
    /// bytes that were asked for.
    case ignore

    /// What is stored under the key.
    public struct Stored: Sendable, Equatable {
        public let validators: StoredValidators
        public let total: Int

        public init(validators: StoredValidators, total: Int) {
            self.validators = validators
            self.total = total
        }
    }

    /// - Parameters:
    ///   - fields: all of the 206.
    ///   - contentLength: the length of its body when the head tells it.
    public init(asked: UpstreamRange, fields lines: [FieldLine], contentLength: Int?, stored: Stored?) {
        let fields = FieldLines(lines)
        let values = fields.all("content-range")
        guard values.count == 1, let answer = ContentRange(values[0]), let range = answer.range,
            let total = answer.total, contentLength == nil || contentLength == range.count,
            Self.answers(asked, range, total)
        else {
            self = .ignore
            return
        }
        if let stored, stored.total == total, stored.validators.isSameRepresentation(StoredValidators(fields)) {
            self = .combine(range: range, total: total)
        } else {
            self = .replace(range: range, total: total)
        }
    }

    /// Upstream may send less than what was asked for, but it has to begin there.
    private static func answers(_ asked: UpstreamRange, _ range: Range<Int>, _ total: Int) -> Bool {
        switch asked {
        case .bytes(let bytes): range.lowerBound == bytes.lowerBound && range.upperBound <= bytes.upperBound
        case .suffix(let length): range.upperBound == total && range.count == min(length, total)
        }
    }
}
