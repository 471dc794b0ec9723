// SPDX-License-Identifier: Apache-2.0

/// The ranges that a request asks for (RFC 9110 section 14.2).
public enum ByteRangeSet: Sendable, Equatable {
    /// Parts nearer to each other than this are sent as one: the head of a part takes about as much.
    static let gapBytes = 128

    case single(ByteRange)
    /// Two or more, in the order of the request.
    case several([ByteRange])

    /// Reads a `Range` field value. Nil for another unit, for anything malformed and for more than `rangesMax` ranges:
    /// such a field is ignored and the whole representation sent (RFC 9110 sections 14.2 and 17.15).
    @inline(__always)
    public init?(_ value: UnsafeRawBufferPointer, rangesMax: Int) {
        if let single = ByteRange(value) {
            self = .single(single)
        } else {
            self.init(listed: value, rangesMax: rangesMax)
        }
    }

    private init?(listed value: UnsafeRawBufferPointer, rangesMax: Int) {
        guard value.count > 6, value.slice(0..<6).equalsIgnoringCase("bytes=") else { return nil }
        var ranges: [ByteRange] = []
        var start = 6
        while start < value.count {
            let end = value.position(of: UInt8(ascii: ","), from: start) ?? value.count
            let member = value.slice(start..<end).trimmed()
            start = end + 1
            // A list may have empty members (section 5.6.1.2).
            guard !member.isEmpty else { continue }
            guard ranges.count < rangesMax, let range = ByteRange(specifier: member) else { return nil }
            ranges.append(range)
        }
        guard let first = ranges.first else { return nil }
        self = ranges.count == 1 ? .single(first) : .several(ranges)
    }

    /// The satisfiable ones of several ranges for a representation of `length` bytes, those that overlap or nearly touch
    /// made one (RFC 9110 section 15.3.7.2). Empty when none is satisfiable. No byte is in two of them.
    public static func resolve(_ ranges: [ByteRange], length: Int) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        for range in ranges {
            guard case .satisfiable(var merged) = range.resolve(length: length) else { continue }
            var place = parts.count
            // What has grown may touch a part that it did not touch before.
            while let index = parts.firstIndex(where: { isNear($0, merged) }) {
                let part = parts.remove(at: index)
                merged = min(part.lowerBound, merged.lowerBound)..<max(part.upperBound, merged.upperBound)
                place = min(place, index)
            }
            parts.insert(merged, at: min(place, parts.count))
        }
        return parts
    }

    private static func isNear(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
        left.lowerBound <= right.upperBound + gapBytes && right.lowerBound <= left.upperBound + gapBytes
    }
}
