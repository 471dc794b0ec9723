// SPDX-License-Identifier: Apache-2.0

import HLS

/// One finished rendition: a folder of segments and what the playlists say of it.
struct RenditionOutput: Sendable, Codable, Equatable {
    /// The folder: `480p`, `audio`.
    var name: String
    /// Its CODECS entry.
    var codecs: String
    /// 0 for sound.
    var width: Int
    var height: Int
    /// 0 for sound.
    var framesPerSecond: Double
    /// The language of the sound (RFC 5646), `und` when the file does not tell; empty for video.
    var language = ""
    var segments: [SegmentFile]

    var isAudio: Bool { width == 0 }
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
    var renditions: [RenditionOutput]
}
