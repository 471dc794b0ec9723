// SPDX-License-Identifier: Apache-2.0

/// A single range of bytes as a client asks for it (RFC 9110 section 14.1.2).
public enum RequestedRange: Sendable, Equatable {
    /// Both inclusive, in this order.
    case closed(first: Int, last: Int)
    case from(first: Int)
    case suffix(length: Int)
}

/// The range that an upstream is asked for.
public enum UpstreamRange: Sendable, Equatable {
    case bytes(Range<Int>)
    case suffix(length: Int)

    /// The value of the `Range` field.
    public var fieldValue: [UInt8] {
        switch self {
        case .bytes(let range): Array("bytes=\(range.lowerBound)-\(range.upperBound - 1)".utf8)
        case .suffix(let length): Array("bytes=-\(length)".utf8)
        }
    }
}

/// Turns ranges into whole slices, the pieces in which bodies are fetched and stored.
public enum SliceRange {
    public static let sliceBytes = 262_144

    /// No body is longer: positions stay far from the end of `Int`.
    static let positionMax = 1 << 60

    public enum Plan: Sendable, Equatable {
        case fetch(UpstreamRange)
        /// 416, known without upstream.
        case unsatisfiable
    }

    /// What to fetch for a client's range.
    ///
    /// A range without an end is read ahead by `readAheadBytes` at most; the next piece is fetched when it is needed. The
    /// end of a representation of unknown length can not be aligned: its suffix is fetched as it is, the answer tells the
    /// length, and only whole slices of it are stored.
    public static func plan(_ requested: RequestedRange, total: Int?, readAheadBytes: Int) -> Plan {
        let end: Int
        let first: Int
        switch requested {
        case .suffix(let length):
            guard length > 0, total != 0 else { return .unsatisfiable }
            guard let total else { return .fetch(.suffix(length: length)) }
            (first, end) = (max(0, total - length), total)
        case .closed(let from, let last):
            guard from <= last else { return .unsatisfiable }
            (first, end) = (from, min(last, positionMax) + 1)
        case .from(let from):
            (first, end) = (from, min(from, positionMax) + max(1, min(readAheadBytes, positionMax)))
        }
        guard first >= 0, first < total ?? positionMax else { return .unsatisfiable }
        let lower = first / sliceBytes * sliceBytes
        let upper = (end + sliceBytes - 1) / sliceBytes * sliceBytes
        return .fetch(.bytes(lower..<min(upper, total ?? upper)))
    }

    /// The numbers of the slices that hold these bytes.
    public static func slices(of bytes: Range<Int>) -> Range<Int> {
        guard !bytes.isEmpty else { return bytes.lowerBound / sliceBytes..<bytes.lowerBound / sliceBytes }
        return bytes.lowerBound / sliceBytes..<(bytes.upperBound - 1) / sliceBytes + 1
    }

    /// The numbers of the slices that these bytes fill; at the end of the representation a short one counts.
    public static func wholeSlices(of bytes: Range<Int>, total: Int?) -> Range<Int> {
        let first = bytes.lowerBound / sliceBytes + (bytes.lowerBound % sliceBytes == 0 ? 0 : 1)
        let isAtEnd = bytes.upperBound == total && !bytes.isEmpty
        let end = isAtEnd ? (bytes.upperBound - 1) / sliceBytes + 1 : bytes.upperBound / sliceBytes
        return first..<max(first, end)
    }

    /// The first gap among slices, for the next fetch; nil when all are there.
    public static func firstMissing(in slices: Range<Int>, isHeld: (Int) -> Bool) -> Range<Int>? {
        guard let first = slices.first(where: { !isHeld($0) }) else { return nil }
        let end = slices[first...].first(where: isHeld) ?? slices.upperBound
        return first..<end
    }
}
