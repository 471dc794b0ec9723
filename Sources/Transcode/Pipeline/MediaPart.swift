// SPDX-License-Identifier: Apache-2.0

/// Which part of a video one child does.
enum MediaPart: Codable, Sendable, Equatable {
    /// Everything, one after the other: what `transcode file` does. Segments are announced as they are whole.
    case whole
    /// Looks at the file and decides how it is cut: gives a MediaPlan.
    case plan
    /// The pictures of these segments in these rungs (nil: all of the plan's); the last chunk has `upperBound == Int.max`.
    case video(segments: Range<Int>, rungs: [String]?)
    /// All sound tracks and subtitles; `videoFrames` is the whole length in frames, nil while it is not known (then only the
    /// segments before `segmentsMax` are made).
    case sound(videoFrames: Int?, segmentsMax: Int?)
    /// Poster, sprites, preview.
    case pictures
}
