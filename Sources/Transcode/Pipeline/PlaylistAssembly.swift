// SPDX-License-Identifier: Apache-2.0

import HLS

/// Makes the playlists of renditions, finished or in work.
enum PlaylistAssembly {
    static let mediaName = "index.m3u8"
    static let iFramesName = "iframes.m3u8"
    static let multivariantName = "master.m3u8"
    private static let audioGroup = "audio"
    private static let subtitlesGroup = "subtitles"
    /// A player starts with the first variant: the largest that a usual line carries at once.
    private static let firstVariantBitsPerSecondMax = 2_200_000
    /// One variant must be below this for lines of mobile phones (Apple's HLS authoring specification, rule 9.21).
    static let cellularBitsPerSecondMax = 192_000

    /// The playlists of a rendition with their names: its own, and for video that of its key frames.
    static func playlists(_ rendition: RenditionOutput) -> [(name: String, playlist: MediaPlaylist)] {
        let iFrames = iFrames(rendition).map { [(iFramesName, $0)] } ?? []
        return [(mediaName, media(rendition))] + iFrames
    }

    /// A playlist in work is an EVENT: segments are only added. Players would begin near its end.
    static func media(_ rendition: RenditionOutput, isComplete: Bool = true) -> MediaPlaylist {
        let isText = rendition.kind == .subtitles
        let target = isText ? target(rendition.segments.map(\.durationSeconds)) : SegmentPlan.targetSeconds
        let map = isText ? nil : InitializationSection(uri: SegmentWriter.initializationName)
        return MediaPlaylist(
            targetDurationSeconds: target, kind: isComplete ? .vod : .event,
            segments: rendition.segments.map {
                MediaSegment(uri: $0.name, durationSeconds: $0.durationSeconds, map: map)
            }, isComplete: isComplete, startSeconds: isComplete ? nil : 0)
    }

    /// The key frames of a video as byte ranges of its segments; nil for sound and text. Each stands until the next.
    static func iFrames(_ rendition: RenditionOutput) -> MediaPlaylist? {
        guard rendition.kind == .video else { return nil }
        let map = InitializationSection(uri: SegmentWriter.initializationName)
        var segments: [MediaSegment] = []
        for segment in rendition.segments {
            for range in segment.iFrames ?? [] {
                segments.append(
                    MediaSegment(
                        uri: segment.name, durationSeconds: Double(range.frames) / rendition.framesPerSecond,
                        byteRange: ByteRange(length: range.length, offset: range.offset), map: map))
            }
        }
        guard !segments.isEmpty else { return nil }
        return MediaPlaylist(
            targetDurationSeconds: target(segments.map(\.durationSeconds)), iFramesOnly: true, segments: segments)
    }

    /// BANDWIDTH is measured: the sum of the peaks of video and sound (RFC 8216 section 4.3.4.2). While renditions
    /// are in work it is the bound that they are encoded for, or the measured peak if that is higher. I-frame playlists
    /// are named when all is done.
    static func multivariant(_ renditions: [RenditionOutput], isComplete: Bool = true) -> MultivariantPlaylist {
        let audio = renditions.filter(\.isAudio)
        let subtitles = renditions.filter { $0.kind == .subtitles }
        // A player may choose any track of each group; the largest counts.
        let beside = Rates.largest(audio, isComplete) + Rates.largest(subtitles, isComplete)
        let audioCodecs = audio.map(\.codecs).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        let videos = renditions.filter { $0.kind == .video }
        var variants = videos.map { video in
            let rates = Rates(video, isComplete) + beside
            return Variant(
                uri: "\(video.name)/\(mediaName)", bandwidth: rates.peak, averageBandwidth: rates.average,
                codecs: [video.codecs] + audioCodecs,
                resolution: PictureSize(width: video.width, height: video.height), frameRate: video.framesPerSecond,
                audioGroup: audio.isEmpty ? nil : audioGroup, subtitlesGroup: subtitles.isEmpty ? nil : subtitlesGroup)
        }
        // Where no variant with a picture is small enough the sound goes on alone.
        if let sound = audio.first, (variants.map(\.bandwidth).min() ?? .max) > cellularBitsPerSecondMax {
            variants.append(
                Variant(
                    uri: "\(sound.name)/\(mediaName)", bandwidth: beside.peak, averageBandwidth: beside.average,
                    codecs: audioCodecs, audioGroup: audioGroup,
                    subtitlesGroup: subtitles.isEmpty ? nil : subtitlesGroup))
        }
        return MultivariantPlaylist(
            renditions: menu(audio, .audio) + menu(subtitles, .subtitles), variants: ordered(variants),
            iFrameVariants: isComplete
                ? videos.compactMap(iFrameVariant).sorted { $0.bandwidth < $1.bandwidth } : [])
    }

    /// Stores all playlists of finished renditions, the multivariant playlist last.
    static func write(_ renditions: [RenditionOutput], folder: String) throws(MediaError) {
        for rendition in renditions {
            for (name, playlist) in playlists(rendition) {
                try writeFile("\(folder)/\(rendition.name)/\(name)", Array(playlist.text().utf8))
            }
        }
        try writeFile("\(folder)/\(multivariantName)", Array(multivariant(renditions).text().utf8))
    }

    /// The peak and the average rate of what is loaded at a time, in bits per second.
    private struct Rates {
        var peak = 0
        var average = 0

        init() {}

        init(_ rendition: RenditionOutput, _ isComplete: Bool) {
            let target = media(rendition).targetDurationSeconds
            let measured = peakSegmentBitRate(rendition.measures, targetDurationSeconds: target)
            peak = isComplete ? measured : max(measured, rendition.bitsPerSecondBound)
            average = averageSegmentBitRate(rendition.measures)
        }

        static func largest(_ renditions: [RenditionOutput], _ isComplete: Bool) -> Rates {
            var largest = Rates()
            for rates in renditions.map({ Rates($0, isComplete) }) {
                largest.peak = max(largest.peak, rates.peak)
                largest.average = max(largest.average, rates.average)
            }
            return largest
        }

        static func + (one: Rates, other: Rates) -> Rates {
            var sum = one
            sum.peak += other.peak
            sum.average += other.average
            return sum
        }
    }

    private static func iFrameVariant(_ video: RenditionOutput) -> IFrameVariant? {
        guard let playlist = iFrames(video) else { return nil }
        let measures = playlist.segments.map {
            SegmentMeasure(bytes: $0.byteRange?.length ?? 0, durationSeconds: $0.durationSeconds)
        }
        return IFrameVariant(
            uri: "\(video.name)/\(iFramesName)",
            bandwidth: peakSegmentBitRate(measures, targetDurationSeconds: playlist.targetDurationSeconds),
            averageBandwidth: averageSegmentBitRate(measures), codecs: [video.codecs],
            resolution: PictureSize(width: video.width, height: video.height))
    }

    /// The tracks as a person chooses among them. The first sound is the default; subtitles are off at first.
    private static func menu(_ tracks: [RenditionOutput], _ kind: Rendition.Kind) -> [Rendition] {
        var names: Set<String> = []
        return tracks.enumerated().map { index, track in
            Rendition(
                kind: kind, group: kind == .audio ? audioGroup : subtitlesGroup,
                name: menuName(track, kind, taken: &names), language: track.language,
                isDefault: kind == .audio && index == 0, isForced: track.isForced,
                channels: kind == .audio ? AudioFormat.channels : nil, uri: "\(track.name)/\(mediaName)")
        }
    }

    /// What the file calls the track, or else the language; unique in its group (RFC 8216 section 4.3.4.1.1).
    private static func menuName(
        _ track: RenditionOutput, _ kind: Rendition.Kind, taken names: inout Set<String>
    ) -> String {
        let plain = kind == .audio ? "Sound" : "Subtitles"
        let name = track.title.isEmpty ? LanguageName.own(track.language) ?? plain : track.title
        var unique = name
        var number = 2
        while !names.insert(unique).inserted {
            unique = "\(name) (\(number))"
            number += 1
        }
        return unique
    }

    /// The smallest EXT-X-TARGETDURATION for these durations (section 4.3.3.1).
    private static func target(_ durations: [Double]) -> Int {
        max(1, Int((durations.max() ?? 0).rounded()))
    }

    private static func ordered(_ variants: [Variant]) -> [Variant] {
        var rising = variants.sorted { $0.bandwidth < $1.bandwidth }
        if let first = rising.lastIndex(where: { $0.bandwidth <= firstVariantBitsPerSecondMax }), first > 0 {
            rising.insert(rising.remove(at: first), at: 0)
        }
        return rising
    }
}
