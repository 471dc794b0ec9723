// SPDX-License-Identifier: Apache-2.0

import Backends

/// Puts a finished transcode into the object store: what a playlist names is there before the playlist is.
struct MediaPublisher: Sendable {
    /// Media names never change content.
    private static let mediaCacheControl = "public, max-age=31536000, immutable"
    private static let playlistCacheControl = "public, max-age=3600"
    private static let playlistType = "application/vnd.apple.mpegurl"

    /// One file to store.
    private struct Upload {
        /// Relative to the folder and to the video.
        var path: String
        var contentType: String
        var cacheControl = MediaPublisher.mediaCacheControl
    }

    let store: any ObjectStore
    let videoID: String
    /// Where the child wrote.
    let folder: String

    /// Stores everything, the multivariant playlist last. `progress` is told the share of files stored, 0 to 1.
    /// Nil when the task was cancelled on the way.
    func publish(
        _ media: MediaResult, progress: @Sendable (Double) -> Void
    ) async throws(ObjectStoreError) -> TranscodeResult? {
        let uploads = uploads(media)
        for (index, upload) in uploads.enumerated() {
            guard !Task.isCancelled else { return nil }
            _ = try await store.put(
                bucket: "media", key: key(upload.path), file: "\(folder)/\(upload.path)",
                contentType: upload.contentType, cacheControl: upload.cacheControl)
            progress(Double(index + 1) / Double(uploads.count))
        }
        return result(media)
    }

    private func uploads(_ media: MediaResult) -> [Upload] {
        var uploads: [Upload] = []
        for rendition in media.renditions {
            let contentType = rendition.isAudio ? "audio/mp4" : "video/mp4"
            for name in [SegmentWriter.initializationName] + rendition.segments.map(\.name) {
                uploads.append(Upload(path: "\(rendition.name)/\(name)", contentType: contentType))
            }
        }
        uploads.append(Upload(path: PosterPicker.fileName, contentType: "image/jpeg"))
        let playlists = media.renditions.map { "\($0.name)/\(PlaylistAssembly.mediaName)" }
        for path in playlists + [PlaylistAssembly.multivariantName] {
            uploads.append(
                Upload(path: path, contentType: Self.playlistType, cacheControl: Self.playlistCacheControl))
        }
        return uploads
    }

    private func result(_ media: MediaResult) -> TranscodeResult {
        let segments = media.renditions.flatMap { rendition in
            rendition.segments.enumerated().map { index, segment in
                PublishedSegment(
                    rendition: rendition.name, index: index,
                    durationMilliseconds: Int64((segment.durationSeconds * 1000).rounded()),
                    bytes: Int64(segment.bytes), key: key("\(rendition.name)/\(segment.name)"))
            }
        }
        return TranscodeResult(
            durationMilliseconds: Int64((media.durationSeconds * 1000).rounded()), width: media.width,
            height: media.height, segments: segments)
    }

    private func key(_ path: String) -> String { "v/\(videoID)/\(path)" }
}
