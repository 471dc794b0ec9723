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
    /// Subtitles, which are made in one piece at the end, come with the final playlists.
    func announced() -> [RenditionOutput] {
        let counts = tracks.filter { $0.value.header.kind != .subtitles }.mapValues(\.wholeCount)
        var members = announcedBefore
        if members.isEmpty {
            // All that a player must have at once.
            let sound = tracks.values.filter { $0.header.isAudio && (counts[$0.header.name] ?? 0) > 0 }
            guard lowestRung.map({ counts[$0] ?? 0 > 0 }) ?? true, !hasSound || !sound.isEmpty else { return [] }
            members = Set([lowestRung].compactMap(\.self) + sound.map(\.header.name))
        }
        let shown = members.map { counts[$0] ?? 0 }.min() ?? 0
        guard shown > 0 else { return [] }
        for (name, count) in counts where count >= shown { members.insert(name) }
        return members.compactMap { tracks[$0]?.output(count: shown) }.sorted(by: Self.isBefore)
    }

    /// What each part has made, in the order of the parts, of a video with so many frames: what `PartJoin` checks.
    func results(frames: Int) -> [MediaResult] {
        var renditions: [Int: [RenditionOutput]] = [:]
        for track in tracks.values.sorted(by: { $0.header.name < $1.header.name }) {
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

    /// The order of menus: `audio`, `audio-2`, `audio-10`.
    private static func isBefore(_ one: RenditionOutput, _ other: RenditionOutput) -> Bool {
        (one.name.utf8.count, one.name) < (other.name.utf8.count, other.name)
    }

    /// Every rendition with all its segments. Throws unless all pictures have the same whole number of segments and
    /// everything else lasts as long as they do.
    func finished(rungs: [String]) throws(MediaError) -> [RenditionOutput] {
        var outputs: [RenditionOutput] = []
        for track in tracks.values {
            let count = track.wholeCount
            guard count > 0, count == track.segments.count else {
                throw MediaError.failed("\(track.header.name): segment \(count) of \(track.segments.count) is missing")
            }
            outputs.append(track.output(count: count))
        }
        outputs.sort(by: Self.isBefore)
        // Of sound alone the first track is the measure.
        guard let first = outputs.first(where: \.isVideo) ?? outputs.first(where: \.isAudio) else {
            throw MediaError.failed("neither pictures nor sound were published")
        }
        for rung in rungs where tracks[rung] == nil { throw MediaError.failed("the rung \(rung) was not published") }
        for output in outputs {
            let isEqual =
                !output.isVideo
                || output.segments.map(\.durationSeconds) == first.segments.map(\.durationSeconds)
            guard isEqual, abs(output.durationSeconds - first.durationSeconds) < Self.differenceSecondsMax else {
                throw MediaError.failed("\(output.name) does not fit \(first.name)")
            }
        }
        if hasSound, !outputs.contains(where: \.isAudio) { throw MediaError.failed("no sound was published") }
        return outputs
    }

    /// Sound ends with its frame that is nearest to the last picture's end.
    private static let differenceSecondsMax = 0.5
}
