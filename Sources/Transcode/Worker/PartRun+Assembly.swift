// SPDX-License-Identifier: Apache-2.0

import Backends
import HLS

/// The last part of a job: checks that what all others have published fits together, and writes the final playlists.
extension PartRun {
    func assemble(_ folder: String) async throws(MediaError) -> Ending {
        let media: MediaPlan = try jsonValue(lease.plan)
        let publication = try await publication()
        let video = try GrowingVideo(publication, rungs: media.rungs, hasSound: media.hasSound)
        guard let frames = publication.notes[Self.framesNote].flatMap({ Int($0) }) else {
            throw MediaError.failed("the length of the pictures is not known")
        }
        let whole = try video.finished(media, frames: frames)
        let publisher = MediaPublisher(store: services.store, videoID: lease.videoID, folder: "\(folder)/out")
        do throws(ObjectStoreError) {
            for (index, rendition) in whole.renditions.enumerated() {
                for (name, playlist) in PlaylistAssembly.playlists(rendition) {
                    _ = try await publisher.publish(
                        playlist: playlist.text(), at: "\(rendition.name)/\(name)", isFinal: true,
                        condition: .always)
                }
                pulse.show(fraction: Double(index + 1) / Double(whole.renditions.count + 1))
                guard !Task.isCancelled else { return .stopped }
            }
            _ = try await publisher.publish(
                playlist: PlaylistAssembly.multivariant(whole.renditions).text(), at: PlaylistAssembly.multivariantName,
                isFinal: true, condition: .always)
        } catch {
            throw MediaError.failed("publish: \(error)")
        }
        return .done(PartOutcome(result: result(whole, notes: publication.notes, publisher)))
    }

    private func result(
        _ whole: MediaResult, notes: [String: String], _ publisher: MediaPublisher
    ) -> TranscodeResult {
        let segments = whole.renditions.flatMap { rendition in
            rendition.segments.enumerated().map { index, segment in
                PublishedSegment(
                    rendition: rendition.name, index: index,
                    durationMilliseconds: Int64((segment.durationSeconds * 1000).rounded()),
                    bytes: Int64(segment.bytes), key: publisher.key("\(rendition.name)/\(segment.name)"))
            }
        }
        return TranscodeResult(
            durationMilliseconds: Int64((whole.durationSeconds * 1000).rounded()),
            width: notes[Self.widthNote].flatMap { Int($0) } ?? 0,
            height: notes[Self.heightNote].flatMap { Int($0) } ?? 0, segments: segments)
    }
}
