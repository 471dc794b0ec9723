// SPDX-License-Identifier: Apache-2.0

import Base
import HLS
import Synchronization

/// The playlists of a video in work, kept on the disk so that what is there can be played.
///
/// A rendition's playlist shows its segments up to the first that is missing. The multivariant playlist appears when
/// the lowest rung and the sound have a segment each; another rung joins it when it has all that those show. Files
/// are replaced whole. Any thread may tell of segments: the state is behind a mutex, which is held while files are
/// written, so that they never go back.
final class GrowingPlaylists: Sendable {
    private struct Track {
        var header: RenditionOutput
        var segments: [Int: SegmentFile] = [:]
        /// Segments without a gap from the first.
        var shown: [SegmentFile] = []
        var writtenMilliseconds: Int64 = 0

        /// A long playlist is not written for each segment: all that is written would grow with its square.
        var isTooEarly: Bool {
            Clock.monotonicMilliseconds() - writtenMilliseconds
                < Int64(shown.count - GrowingPlaylists.segmentsWithoutPause)
                * GrowingPlaylists.pauseMillisecondsPerSegment
        }

        var output: RenditionOutput {
            var output = header
            output.segments = shown
            return output
        }
    }

    private struct State {
        var tracks: [String: Track] = [:]
        /// The renditions of the multivariant playlist.
        var members: Set<String> = []
        var failure: MediaError?
        var isFinished = false
    }

    /// A playlist of an hour is written every five seconds at most, one of ten minutes for each segment.
    private static let segmentsWithoutPause = 100
    private static let pauseMillisecondsPerSegment: Int64 = 10

    private let folder: String
    private let lowestRung: String
    private let hasSound: Bool
    private let state = Mutex(State())

    /// For the renditions of `folder`. `rungs` are all rungs, lowest first.
    init(folder: String, rungs: [String], hasSound: Bool) {
        self.folder = folder
        self.hasSound = hasSound
        lowestRung = rungs.first ?? ""
    }

    /// Takes what a child tells. A failure to write is kept until `finish`.
    func take(_ message: ChildMessage) {
        state.withLock { state in
            guard !state.isFinished, state.failure == nil else { return }
            do throws(MediaError) {
                switch message {
                case .rendition(let header) where state.tracks[header.name] == nil:
                    state.tracks[header.name] = Track(header: header)
                case .segment(let name, let segment): try add(segment, to: name, &state)
                default: break
                }
            } catch {
                state.failure = error
            }
        }
    }

    /// Replaces all by the final playlists.
    func finish(_ renditions: [RenditionOutput]) throws(MediaError) {
        let failure = state.withLock { state in
            state.isFinished = true
            return state.failure
        }
        if let failure { throw failure }
        try PlaylistAssembly.write(renditions, folder: folder)
    }

    private func add(_ segment: SegmentFile, to name: String, _ state: inout State) throws(MediaError) {
        guard let number = segment.number, var track = state.tracks[name], number >= track.shown.count else { return }
        track.segments[number] = segment
        let before = track.shown.count
        while let next = track.segments.removeValue(forKey: track.shown.count) { track.shown.append(next) }
        guard track.shown.count > before else {
            state.tracks[name] = track
            return
        }
        if state.members.contains(name), !track.isTooEarly {
            try writeMedia(track.output, isComplete: false)
            track.writtenMilliseconds = Clock.monotonicMilliseconds()
        }
        state.tracks[name] = track
        try join(&state)
    }

    /// Takes the renditions into the multivariant playlist that have become fit for it.
    private func join(_ state: inout State) throws(MediaError) {
        var needed = state.members.compactMap { state.tracks[$0]?.shown.count }.min() ?? 0
        if state.members.isEmpty {
            let first = state.tracks.values.filter { $0.header.isAudio || $0.header.name == lowestRung }
            // All that a player must have at once.
            guard first.contains(where: { !$0.header.isAudio }), !hasSound || first.contains(where: \.header.isAudio),
                first.allSatisfy({ !$0.shown.isEmpty })
            else { return }
            needed = first.map(\.shown.count).min() ?? 1
        }
        let joining = state.tracks.values.filter { track in
            !state.members.contains(track.header.name) && track.shown.count >= max(1, needed)
        }
        guard !joining.isEmpty else { return }
        for track in joining {
            try writeMedia(track.output, isComplete: false)
            state.members.insert(track.header.name)
        }
        let members = state.members.sorted().compactMap { state.tracks[$0]?.output }
        try writeFile(
            "\(folder)/\(PlaylistAssembly.multivariantName)",
            Array(PlaylistAssembly.multivariant(members, isComplete: false).text().utf8))
    }

    private func writeMedia(_ rendition: RenditionOutput, isComplete: Bool) throws(MediaError) {
        try writeFile(
            "\(folder)/\(rendition.name)/\(PlaylistAssembly.mediaName)",
            Array(PlaylistAssembly.media(rendition, isComplete: isComplete).text().utf8))
    }
}
