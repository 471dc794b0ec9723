// SPDX-License-Identifier: Apache-2.0

import HLS

/// Makes the playlists of renditions, finished or in work.
enum PlaylistAssembly {
    static let mediaName = "index.m3u8"
    static let multivariantName = "master.m3u8"
    private static let audioGroup = "audio"
    /// A player starts with the first variant: the largest that a usual line carries at once.
    private static let firstVariantBitsPerSecondMax = 2_200_000

    /// A playlist in work is an EVENT: segments are only added. Players would begin near its end.
    static func media(_ rendition: RenditionOutput, isComplete: Bool = true) -> MediaPlaylist {
        let map = InitializationSection(uri: SegmentWriter.initializationName)
        return MediaPlaylist(
            targetDurationSeconds: SegmentPlan.targetSeconds, kind: isComplete ? .vod : .event,
            segments: rendition.segments.map {
                MediaSegment(uri: $0.name, durationSeconds: $0.durationSeconds, map: map)
            }, isComplete: isComplete, startSeconds: isComplete ? nil : 0)
    }

    /// BANDWIDTH is measured: the sum of the peaks of video and sound (RFC 8216 section 4.3.4.2). While renditions
    /// are in work it is the bound that they are encoded for, or the measured peak if that is higher.
    static func multivariant(_ renditions: [RenditionOutput], isComplete: Bool = true) -> MultivariantPlaylist {
        func peak(_ rendition: RenditionOutput) -> Int {
            let measured = peakSegmentBitRate(
                rendition.measures, targetDurationSeconds: SegmentPlan.targetSeconds)
            return isComplete ? measured : max(measured, rendition.bitsPerSecondBound)
        }
        let audio = renditions.first(where: \.isAudio)
        let audioPeak = audio.map(peak)
        let audioAverage = audio.map { averageSegmentBitRate($0.measures) }
        let variants = renditions.filter { !$0.isAudio }.map { video in
            Variant(
                uri: "\(video.name)/\(mediaName)",
                bandwidth: peak(video) + (audioPeak ?? 0),
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
