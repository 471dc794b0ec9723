// SPDX-License-Identifier: Apache-2.0

/// Checks a finished part's pictures, so that all parts fit together. What does not fit is this program's fault.
///
/// Times are checked where they are written: see `FragmentMuxer.cut` and `RungEncoder.finish`.
struct PartCheck {
    private let cuts: SegmentPlan

    init(_ cuts: SegmentPlan) {
        self.cuts = cuts
    }

    /// Throws unless every rung holds exactly `segments` (all that there are, for an open end) and all frames.
    func check(_ result: MediaResult, segments: Range<Int>) throws(MediaError) {
        for rendition in result.renditions where rendition.isVideo {
            let numbers = rendition.segments.map(\.number)
            guard numbers == numbers.indices.map({ segments.lowerBound + $0 }),
                segments.upperBound == Int.max || numbers.count == segments.count
            else { throw MediaError.failed("\(rendition.name): not the segments \(segments)") }
            let frames = rendition.segments.reduce(0) { $0 + cuts.frames(of: $1) }
            let expected = result.endFrame - result.firstFrame
            guard frames == expected else {
                throw MediaError.failed("\(rendition.name): \(frames) frames, not \(expected)")
            }
        }
    }
}
