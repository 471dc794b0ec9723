// SPDX-License-Identifier: Apache-2.0

import Backends
import HLS

/// What a video in work shows: which renditions its playlists name and how many segments. No I/O.
///
/// A rendition is announced when it is whole for what is announced; from then on all announced renditions show the same
/// number of segments, which only grows. So a player can change from any to any other at any place.
struct GrowingVideo: Sendable {
    /// A rendition that has begun, and its segments by number.
    struct Track: Sendable {
        var header: RenditionOutput
        var segments: [Int: SegmentFile]
        /// The part that made each segment.
        var makers: [Int: Int] = [:]

        /// The segments from the first on without a gap.
        var wholeCount: Int {
            var count = 0
            while segments[count] != nil { count += 1 }
            return count
        }

        func output(count: Int) -> RenditionOutput {
            var output = header
            output.segments = (0..<count).compactMap { segments[$0] }
            return output
        }
    }

    /// By name.
    let tracks: [String: Track]
    private let announcedBefore: Set<String>
    /// Nil for sound alone.
    private let lowestRung: String?
    private let hasSound: Bool

    /// What the parts of a job have published, for a video with these rungs, lowest first.
    init(_ publication: JobPublication, rungs: [String], hasSound: Bool) throws(MediaError) {
        var tracks: [String: Track] = [:]
        for rendition in publication.renditions {
            tracks[rendition.name] = Track(header: try jsonValue(rendition.info), segments: [:])
        }
        for segment in publication.segments {
            tracks[segment.rendition]?.segments[segment.number] = try jsonValue(segment.info)
            tracks[segment.rendition]?.makers[segment.number] = segment.part
        }
        self.tracks = tracks
        announcedBefore = Set(publication.announced)
        lowestRung = rungs.first
        self.hasSound = hasSound
    }

    /// The renditions that playlists name now, by name, each with the segments that it shows. Empty: nothing can be played.
    func announced() -> [RenditionOutput] {
        // Subtitles have long segments, which a playlist in work may not hold: they come with the final ones.
        let counts = tracks.filter { $0.value.header.kind != .subtitles }.mapValues(\.wholeCount)
        var members = announcedBefore
        if members.isEmpty {
            // All that a player must have at once.
            let sound = tracks.values.filter { $0.header.isAudio && (counts[$0.header.name] ?? 0) > 0 }
            members = Set(sound.map(\.header.name))
            if let lowestRung {
                guard counts[lowestRung] ?? 0 > 0, !hasSound || !sound.isEmpty else { return [] }
                members.insert(lowestRung)
            }
        }
        let shown = members.map { counts[$0] ?? 0 }.min() ?? 0
        guard shown > 0 else { return [] }
        for (name, count) in counts where count >= shown { members.insert(name) }
        return members.sorted(by: Self.isBefore).compactMap { tracks[$0]?.output(count: shown) }
    }

    /// What each part has made, in the order of the parts.
    private func results(frames: Int) -> [MediaResult] {
        var renditions: [Int: [RenditionOutput]] = [:]
        for track in tracks.values.sorted(by: { Self.isBefore($0.header.name, $1.header.name) }) {
            for (part, numbers) in Dictionary(grouping: track.segments.keys.sorted(), by: { track.makers[$0] ?? 0 }) {
                var output = track.header
                output.segments = numbers.compactMap { track.segments[$0] }
                renditions[part, default: []].append(output)
            }
        }
        return renditions.sorted { $0.key < $1.key }.map { _, made in
            MediaResult(durationSeconds: 0, width: 0, height: 0, renditions: made, firstFrame: 0, endFrame: frames)
        }
    }

    /// All of a finished video of so many frames. Throws unless the parts fit together and the sound lasts as long as the
    /// pictures.
    func finished(_ plan: MediaPlan, frames: Int) throws(MediaError) -> MediaResult {
        let whole = try PartJoin(plan).join(results(frames: frames))
        let sound = whole.renditions.filter(\.isAudio)
        guard !hasSound || !sound.isEmpty else { throw MediaError.failed("no sound was published") }
        for track in sound where abs(track.durationSeconds - whole.durationSeconds) > Self.differenceSecondsMax {
            throw MediaError.failed(
                "\(track.name) lasts \(track.durationSeconds) s, the video \(whole.durationSeconds) s")
        }
        return whole
    }

    /// Sound ends with its frame that is nearest to the last picture's end.
    private static let differenceSecondsMax = 0.5

    /// `audio` before `audio-2` before `audio-10`: the order of the menu.
    private static func isBefore(_ one: String, _ other: String) -> Bool {
        (one.utf8.count, one) < (other.utf8.count, other)
    }
}
