// SPDX-License-Identifier: Apache-2.0

import HLS

/// Puts the finished parts of a video together and checks that they fit.
///
/// What does not fit is an error of the machine, not of the file: a part by another version of the program or of its
/// libraries, or a part that is missing.
struct PartJoin {
    private let plan: MediaPlan
    private let cuts: SegmentPlan

    init(_ plan: MediaPlan) {
        self.plan = plan
        cuts = SegmentPlan(frameRate: plan.frameRate)
    }

    /// The whole video's result from those of its parts, in any order. Where two parts hold a segment, as a head and a
    /// chunk may, the earlier one in `parts` counts.
    func join(_ parts: [MediaResult]) throws(MediaError) -> MediaResult {
        guard var whole = parts.first(where: { $0.endFrame > 0 }) else {
            throw MediaError.failed("no part has pictures")
        }
        let frames = parts.reduce(0) { max($0, $1.endFrame) }
        whole.firstFrame = 0
        whole.endFrame = frames
        whole.pictures = parts.flatMap(\.pictures)
        whole.durationSeconds = plan.frameRate.seconds(frames: frames)
        whole.renditions = try names(parts).map { (name) throws(MediaError) in
            let rendition = try joined(name, parts)
            if rendition.isVideo { try check(rendition, parts, frames: frames) }
            return rendition
        }
        return whole
    }

    /// All renditions: the plan's rungs, then what the sound's part brought, in its order.
    private func names(_ parts: [MediaResult]) throws(MediaError) -> [String] {
        var names = plan.rungs
        for rendition in parts.flatMap(\.renditions) where !names.contains(rendition.name) {
            guard !rendition.isVideo else { throw MediaError.failed("\(rendition.name) is not in the plan") }
            names.append(rendition.name)
        }
        return names
    }

    private func joined(_ name: String, _ parts: [MediaResult]) throws(MediaError) -> RenditionOutput {
        let made = parts.flatMap(\.renditions).filter { $0.name == name }
        guard var whole = made.first else { throw MediaError.failed("\(name) is in no part") }
        var segments: [Int: SegmentFile] = [:]
        for rendition in made {
            guard rendition.initializationDigest == whole.initializationDigest else {
                throw MediaError.failed("the parts of \(name) have different initialization segments")
            }
            for segment in rendition.segments {
                guard let number = segment.number else { throw MediaError.failed("\(segment.name) has no number") }
                if segments[number] == nil { segments[number] = segment }
            }
        }
        whole.segments = try (0..<segments.count).map { (number) throws(MediaError) in
            guard let segment = segments[number] else { throw MediaError.failed("\(name)/\(number).m4s is missing") }
            return segment
        }
        return whole
    }

    /// The frames of all segments, and the rate over each join.
    private func check(_ rendition: RenditionOutput, _ parts: [MediaResult], frames: Int) throws(MediaError) {
        let made = rendition.segments.reduce(0) { $0 + cuts.frames(of: $1) }
        guard made == frames else { throw MediaError.failed("\(rendition.name): \(made) frames, not \(frames)") }
        for segment in rendition.segments.dropLast() where cuts.frames(of: segment) != cuts.segmentFrames {
            throw MediaError.failed("\(rendition.name)/\(segment.name) is not as long as the plan says")
        }
        func peak(_ rendition: RenditionOutput) -> Int {
            peakSegmentBitRate(rendition.measures, targetDurationSeconds: SegmentPlan.targetSeconds)
        }
        // Each encoder starts with a full buffer: two of them may spend theirs in one window (RFC 8216 section 4.1).
        let shortest = 0.5 * Double(SegmentPlan.targetSeconds)
        let inParts =
            parts.flatMap(\.renditions)
            .filter { $0.name == rendition.name && $0.durationSeconds >= shortest }.map(peak).max() ?? 0
        guard peak(rendition) <= max(rendition.bitsPerSecondBound, inParts) else {
            throw MediaError.failed("\(rendition.name): the rate over a join is above its bound")
        }
    }
}
