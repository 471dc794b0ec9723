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
    /// What the rate may be while it can not be measured yet, in bits per second; 0 for not known.
    var bitsPerSecondBound = 0
    /// Tells apart initialization segments that differ; empty for not known.
    var initializationDigest = ""

    var isAudio: Bool { width == 0 }
    var isVideo: Bool { width > 0 }
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
    var renditions: [RenditionOutput]
    /// The output frames of the pictures, from `firstFrame` until before `endFrame`; of a last chunk and of a whole
    /// video `endFrame` is the number of all frames. Both 0 for parts without pictures.
    var firstFrame = 0
    var endFrame = 0
}
