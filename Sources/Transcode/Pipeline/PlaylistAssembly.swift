// SPDX-License-Identifier: Apache-2.0

import HLS

/// Makes the playlists of finished renditions.
enum PlaylistAssembly {
    static let mediaName = "index.m3u8"
    static let multivariantName = "master.m3u8"
    private static let audioGroup = "audio"
    /// A player starts with the first variant: the largest that a usual line carries at once.
    private static let firstVariantBitsPerSecondMax = 2_200_000

    static func media(_ rendition: RenditionOutput) -> MediaPlaylist {
        let map = InitializationSection(uri: SegmentWriter.initializationName)
        return MediaPlaylist(
            targetDurationSeconds: SegmentPlan.targetSeconds,
            segments: rendition.segments.map {
                MediaSegment(uri: $0.name, durationSeconds: $0.durationSeconds, map: map)
            })
    }

    /// BANDWIDTH is measured: the sum of the peaks of video and sound (RFC 8216 section 4.3.4.2).
    static func multivariant(_ renditions: [RenditionOutput]) -> MultivariantPlaylist {
        let audio = renditions.first(where: \.isAudio)
        let audioPeak = audio.map { peakSegmentBitRate($0.measures, targetDurationSeconds: SegmentPlan.targetSeconds) }
        let audioAverage = audio.map { averageSegmentBitRate($0.measures) }
        let variants = renditions.filter { !$0.isAudio }.map { video in
            Variant(
                uri: "\(video.name)/\(mediaName)",
                bandwidth: peakSegmentBitRate(video.measures, targetDurationSeconds: SegmentPlan.targetSeconds)
                    + (audioPeak ?? 0),
                averageBandwidth: averageSegmentBitRate(video.measures) + (audioAverage ?? 0),
                codecs: [video.codecs] + (audio.map { [$0.codecs] } ?? []),
                resolution: PictureSize(width: video.width, height: video.height),
                frameRate: video.framesPerSecond, audioGroup: audio == nil ? nil : audioGroup)
        }
        return MultivariantPlaylist(
            renditions: audio.map { audio in
                [
                    Rendition(
                        kind: .audio, group: audioGroup, name: "Sound", language: audio.language,
                        channels: AudioFormat.channels, uri: "\(audio.name)/\(mediaName)")
                ]
            } ?? [],
            variants: ordered(variants))
    }

    private static func ordered(_ variants: [Variant]) -> [Variant] {
        var rising = variants.sorted { $0.bandwidth < $1.bandwidth }
        if let first = rising.lastIndex(where: { $0.bandwidth <= firstVariantBitsPerSecondMax }), first > 0 {
            rising.insert(rising.remove(at: first), at: 0)
        }
        return rising
    }
}
