// SPDX-License-Identifier: Apache-2.0

/// The measured size of one published segment.
public struct SegmentMeasure: Sendable, Equatable {
    public var bytes: Int
    public var durationSeconds: Double

    public init(bytes: Int, durationSeconds: Double) {
        self.bytes = bytes
        self.durationSeconds = durationSeconds
    }
}

/// The peak segment bit rate in bits per second (RFC 8216 section 4.1): the largest rate of any run of
/// segments whose total duration is between 0.5 and 1.5 target durations. A rendition without such a run
/// (it is shorter than half a target) has the rate of all its segments. 0 for none.
public func peakSegmentBitRate(_ segments: [SegmentMeasure], targetDurationSeconds: Int) -> Int {
    let shortest = 0.5 * Double(targetDurationSeconds)
    let longest = 1.5 * Double(targetDurationSeconds)
    var peak: Int?
    for start in segments.indices {
        var bytes = 0
        var seconds = 0.0
        for segment in segments[start...] {
            bytes += segment.bytes
            seconds += segment.durationSeconds
            if seconds > longest { break }
            if seconds >= shortest { peak = max(peak ?? 0, bitRate(bytes: bytes, seconds: seconds)) }
        }
    }
    return peak ?? averageSegmentBitRate(segments)
}

/// All bytes over all time in bits per second (RFC 8216 section 4.1); 0 for no segments.
public func averageSegmentBitRate(_ segments: [SegmentMeasure]) -> Int {
    bitRate(
        bytes: segments.reduce(0) { $0 + $1.bytes }, seconds: segments.reduce(0) { $0 + $1.durationSeconds })
}

/// Rounded up, because BANDWIDTH is a bound. Durations may come from a stranger's playlist: the rate of one
/// that is next to nothing is limited to what an `Int` holds.
private func bitRate(bytes: Int, seconds: Double) -> Int {
    seconds > 0 ? Int(min((Double(bytes) * 8 / seconds).rounded(.up), 0x1p62)) : 0
}
