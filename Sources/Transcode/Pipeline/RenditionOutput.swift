// SPDX-License-Identifier: Apache-2.0

import HLS

/// One finished rendition: a folder of segments and what the playlists say of it.
struct RenditionOutput: Sendable, Codable, Equatable {
    enum Kind: String, Sendable, Codable {
        case video, audio, subtitles
    }

    var kind = Kind.video
    /// The folder: `480p`, `audio`, `audio-2`, `subtitles`.
    var name: String
    /// Its CODECS entry; empty for subtitles.
    var codecs: String
    /// 0 for sound and subtitles.
    var width = 0
    var height = 0
    /// 0 for sound and subtitles.
    var framesPerSecond = 0.0
    /// The language of sound and subtitles (RFC 5646), `und` when the file does not tell; empty for video.
    var language = ""
    /// What the file calls the track; empty when it does not.
    var title = ""
    /// Subtitles that are shown to everyone, such as the translation of a sign.
    var isForced = false
    var segments: [SegmentFile]

    var isAudio: Bool { kind == .audio }
    var durationSeconds: Double { segments.reduce(0) { $0 + $1.durationSeconds } }
    var measures: [SegmentMeasure] {
        segments.map { SegmentMeasure(bytes: $0.bytes, durationSeconds: $0.durationSeconds) }
    }
}

/// What a finished transcode holds, as the child reports it.
struct MediaResult: Sendable, Codable, Equatable {
    var durationSeconds: Double
    /// The source's display size.
    var width: Int
    var height: Int
    /// The sound tracks in the order of their menu, the default first.
    var renditions: [RenditionOutput]
    /// The files beside the renditions' folders and the playlists: poster, sprites with their index, preview.
    var pictures: [String] = []
}
