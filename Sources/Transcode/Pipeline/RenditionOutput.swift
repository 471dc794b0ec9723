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
    /// What the rate may be while it can not be measured yet, in bits per second; 0 for not known.
    var bitsPerSecondBound = 0
    /// Tells apart initialization segments that differ; empty for not known.
    var initializationDigest = ""

    var isAudio: Bool { kind == .audio }
    var isVideo: Bool { kind == .video }
    var durationSeconds: Double { segments.reduce(0) { $0 + $1.durationSeconds } }
    var measures: [SegmentMeasure] {
        segments.map { SegmentMeasure(bytes: $0.bytes, durationSeconds: $0.durationSeconds) }
    }

    /// FNV-1a of 64 bits in hexadecimal: against accidents, not against an attacker.
    static func digest(_ bytes: [UInt8]) -> String {
        String(bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, radix: 16)
    }
}

/// What a finished transcode, or a finished part of one, holds, as the child reports it.
struct MediaResult: Sendable, Codable, Equatable {
    /// Of the whole video; for a part, of what it made.
    var durationSeconds: Double
    /// The source's display size.
    var width: Int
    var height: Int
    /// The sound tracks in the order of their menu, the default first.
    var renditions: [RenditionOutput]
    /// The files beside the renditions' folders and the playlists: poster, sprites with their index, preview.
    var pictures: [String] = []
    /// The output frames of the pictures, from `firstFrame` until before `endFrame`; of a last chunk and of a whole
    /// video `endFrame` is the number of all frames. Both 0 for parts without pictures.
    var firstFrame = 0
    var endFrame = 0
}
