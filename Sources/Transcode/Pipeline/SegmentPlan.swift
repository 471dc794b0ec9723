// SPDX-License-Identifier: Apache-2.0

/// Where all renditions of a video are cut, counted in frames of the output.
struct SegmentPlan: Sendable {
    /// EXT-X-TARGETDURATION.
    static let targetSeconds = 6
    private static let gopSeconds = 2.0
    /// No segment may reach the target and a half second (Apple's rule 7.7), as it would round up (RFC 8216 4.3.3.1).
    private static let segmentSecondsLimit = 6.5

    let frameRate: FrameRate
    /// Frames from one IDR to the next: 2 s.
    let gopFrames: Int
    /// Frames of a segment: 6 s.
    let segmentFrames: Int
    /// A rest of up to so many frames is added to the last segment instead of being one of its own.
    let slackFrames: Int

    init(frameRate: FrameRate) {
        self.frameRate = frameRate
        gopFrames = max(1, Int((Self.gopSeconds * frameRate.value).rounded()))
        let gops = max(1, Int(Double(Self.targetSeconds) / frameRate.seconds(frames: gopFrames) + 0.01))
        segmentFrames = gops * gopFrames
        let longest = Int((Self.segmentSecondsLimit * frameRate.value).rounded(.up)) - 1
        slackFrames = max(0, longest - segmentFrames)
    }

    /// How many cuts are certain once a video has this many frames, at its end or on the way.
    func cuts(frames: Int) -> Int {
        max(0, (frames - slackFrames - 1) / segmentFrames)
    }

    /// The AAC frames that are nearest in duration to so many frames of video.
    func audioFrames(videoFrames: Int) -> Int {
        let samples = frameRate.seconds(frames: videoFrames) * Double(AudioFormat.samplesPerSecond)
        return Int((samples / Double(AudioFormat.frameSamples)).rounded())
    }

    /// The frames of a range of segments, whose upper bound may be Int.max.
    func frames(segments: Range<Int>) -> Range<Int> {
        let end = segments.upperBound == Int.max ? Int.max : videoStart(segment: segments.upperBound)
        return videoStart(segment: segments.lowerBound)..<end
    }

    /// The frames of a video segment.
    func frames(of segment: SegmentFile) -> Int { Int((segment.durationSeconds * frameRate.value).rounded()) }

    /// The first frame of video segment `index`.
    func videoStart(segment index: Int) -> Int { index * segmentFrames }

    /// The first AAC frame of audio segment `index`: nearest to the video's cut.
    func audioStart(segment index: Int) -> Int { audioFrames(videoFrames: videoStart(segment: index)) }
}
