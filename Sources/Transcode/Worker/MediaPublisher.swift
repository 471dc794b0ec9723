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
        // The child parses a stranger's file: a name that it gives must not lead out of its folder.
        let names = media.pictures + media.renditions.flatMap { [$0.name] + $0.segments.map(\.name) }
        guard names.allSatisfy(Self.isName)
        else { throw .invalidName("the media child gave a name that is not a plain file's") }
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
            let heads = rendition.kind == .subtitles ? [] : [SegmentWriter.initializationName]
            for name in heads + rendition.segments.map(\.name) {
                uploads.append(Upload(path: "\(rendition.name)/\(name)", contentType: Self.contentType(rendition.kind)))
            }
        }
        uploads += media.pictures.map { Upload(path: $0, contentType: Self.contentType(picture: $0)) }
        let playlists = media.renditions.flatMap { rendition in
            PlaylistAssembly.playlists(rendition).map { "\(rendition.name)/\($0.name)" }
        }
        for path in playlists + [PlaylistAssembly.multivariantName] {
            uploads.append(
                Upload(path: path, contentType: Self.playlistType, cacheControl: Self.playlistCacheControl))
        }
        return uploads
    }

    private static func contentType(_ kind: RenditionOutput.Kind) -> String {
        switch kind {
        case .video: "video/mp4"
        case .audio: "audio/mp4"
        case .subtitles: "text/vtt"
        }
    }

    private static func contentType(picture name: String) -> String {
        if name.hasSuffix(".vtt") { return "text/vtt" }
        return name.hasSuffix(".mp4") ? "video/mp4" : "image/jpeg"
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

    /// Letters, digits, inner dots and hyphens, such as `480p`, `audio-2` and `0.m4s`.
    private static func isName(_ name: String) -> Bool {
        (1...32).contains(name.utf8.count) && !name.hasPrefix(".")
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || ".-".utf8.contains(byte)
            }
    }

    private func key(_ path: String) -> String { "v/\(videoID)/\(path)" }
}
