// SPDX-License-Identifier: Apache-2.0

import HLS

/// How a video is cut into parts; decided once, stored with the job as JSON.
struct MediaPlan: Codable, Sendable, Equatable {
    var frameRateNumerator: Int
    var frameRateDenominator: Int
    /// Frames from one IDR to the next.
    var gopFrames: Int
    var segmentFrames: Int
    /// Lowest first.
    var rungs: [String]
    /// So many segments are made first, in the lowest rungs; 0 when the video is too short for that to help.
    var headSegments: Int
    var headRungs: [String]
    /// Output segments; the last one's upperBound is Int.max.
    var chunks: [Range<Int>]
    var hasSound: Bool
    /// What the file says; 0 when it says nothing.
    var declaredSeconds: Double
}

extension MediaPlan {
    /// A chunk of a minute: its start (a process, a seek, up to a group of pictures that is decoded for nothing)
    /// costs less than 2 % of it, and a lost worker loses no more.
    static let chunkSegments = 10
    /// 24 s of the lowest rung: while a player shows them, the other rungs catch up.
    fileprivate static let headSegmentsMax = 4
    /// In one process the head is decoded again for the other rungs: only as much as a start needs, 6 s.
    private static let headSegmentsOfWholeMax = 1
    static let headRungsMax = 1
    /// A file may be as much shorter than it declares, in seconds, and is still taken.
    private static let declaredSlackSeconds = 2.0

    /// The segments of the head: they exist whatever the file's end is like, and another comes behind them.
    static func headSegments(_ source: MediaSource, isWhole: Bool = false) -> Int {
        min(
            isWhole ? headSegmentsOfWholeMax : headSegmentsMax,
            certainSegments(source.cuts, seconds: source.declaredSeconds))
    }

    fileprivate static func certainSegments(_ cuts: SegmentPlan, seconds: Double) -> Int {
        cuts.cuts(frames: Int(max(0, seconds - declaredSlackSeconds) * cuts.frameRate.value))
    }

    /// The part that is made first, so that the video can be played; nil when the plan has no head.
    var headPart: MediaPart? { headSegments > 0 ? .video(segments: 0..<headSegments, rungs: headRungs) : nil }

    /// The parts of the pictures behind the head, in the order of the video. What the head holds is not made again,
    /// unless the file can not be cut there; both are good then.
    var videoParts: [MediaPart] {
        chunks.compactMap { segments in
            guard segments == 0..<headSegments else { return .video(segments: segments, rungs: nil) }
            let rest = rungs.filter { !headRungs.contains($0) }
            return rest.isEmpty ? nil : .video(segments: segments, rungs: rest)
        }
    }

    var frameRate: FrameRate { FrameRate(numerator: frameRateNumerator, denominator: frameRateDenominator) }

    /// The segments that the video is expected to have, 1 at least.
    var segmentsExpected: Int { max(1, cuts.cuts(frames: framesExpected) + 1) }
    /// The frames that the video is expected to have, 1 at least.
    var framesExpected: Int { max(1, Int((declaredSeconds * frameRate.value).rounded())) }
    private var cuts: SegmentPlan { SegmentPlan(frameRate: frameRate) }
}

extension MediaPlan {
    /// The plan for an open file, which is used up by it. `chunkSegments` is the length of a chunk; there is one chunk
    /// if the file can not be cut.
    init(_ source: MediaSource, chunkSegments: Int = MediaPlan.chunkSegments) {
        let cuts = source.cuts
        frameRateNumerator = cuts.frameRate.numerator
        frameRateDenominator = cuts.frameRate.denominator
        gopFrames = cuts.gopFrames
        segmentFrames = cuts.segmentFrames
        rungs = source.ladder.map(\.name)
        hasSound = !source.soundStreams.isEmpty
        declaredSeconds = source.declaredSeconds
        headSegments = Self.headSegments(source)
        headRungs = headSegments > 0 ? Array(rungs.prefix(Self.headRungsMax)) : []
        let seekable = Self.certainSegments(cuts, seconds: min(source.seekableSeconds(), declaredSeconds))
        // The first chunk is as long as the head: the other rungs' part of it. The last takes a rest of up to half a
        // chunk with it.
        let second = headSegments > 0 ? min(headSegments, chunkSegments) : chunkSegments
        let starts = [0] + stride(from: second, through: seekable - chunkSegments / 2, by: chunkSegments)
        chunks = starts.indices.map { index in
            starts[index]..<(index + 1 < starts.count ? starts[index + 1] : Int.max)
        }
    }

    /// The plan for a file of sound only: one part, whatever it is called, does all of it.
    init(soundOnly declaredSeconds: Double) {
        let cuts = SegmentPlan(frameRate: SoundOnlyTranscoder.frameRate)
        frameRateNumerator = cuts.frameRate.numerator
        frameRateDenominator = cuts.frameRate.denominator
        gopFrames = cuts.gopFrames
        segmentFrames = cuts.segmentFrames
        rungs = []
        headSegments = 0
        headRungs = []
        chunks = [0..<Int.max]
        // There is no part for the sound beside that one.
        hasSound = false
        self.declaredSeconds = declaredSeconds
    }
}
