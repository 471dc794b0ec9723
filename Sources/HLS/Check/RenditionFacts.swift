// SPDX-License-Identifier: Apache-2.0

/// One media playlist with what was measured of its segments.
struct RenditionFacts {
    /// What the multivariant playlist uses it for.
    enum Role {
        case variant, audio, subtitles, iFrames
    }

    enum Format {
        case mp4, transportStream, packedAudio, webVTT, encrypted
    }

    struct Segment {
        /// 0 until it was read.
        var bytes = 0
        var isRead = false
        var format: Format?
        /// Of fragmented MP4.
        var facts: SegmentFacts?
        /// Of WebVTT: the latest start and the earliest end of a cue on the time line of the media, in seconds.
        var lastCueStart: Double?
        var firstCueEnd: Double?
    }

    var role: Role
    /// The address by which the multivariant playlist names it.
    var reference: String
    /// Where the playlist was in the end; its URIs are relative to that.
    var address: String
    var place: String
    var media: MediaFacts?
    /// As many as the playlist's entries.
    var segments: [Segment] = []
    /// The tracks of each initialization section, by the address and range that the playlist gives it.
    var initializations: [MediaFacts.Map: InitializationFacts] = [:]

    /// The tracks of the first initialization section that the segments use.
    var tracks: [TrackFacts] {
        media?.entries.lazy.compactMap { $0.map.flatMap { initializations[$0] } }.first?.tracks ?? []
    }
    var video: TrackFacts? { tracks.first { $0.kind == .video } }
    var audio: TrackFacts? { tracks.first { $0.kind == .audio } }

    /// All segments were read, so that rates and times can be told.
    var isMeasured: Bool { !segments.isEmpty && segments.allSatisfy(\.isRead) }

    /// EXTINF and the bytes of each segment (RFC 8216 section 4.1).
    var measures: [SegmentMeasure] {
        zip(media?.entries ?? [], segments).map { entry, segment in
            SegmentMeasure(bytes: segment.bytes, durationSeconds: entry.segment.durationSeconds)
        }
    }
    var peakBitsPerSecond: Int {
        let target = media?.targetDurationSeconds ?? 0
        return peakSegmentBitRate(Self.merged(measures, target: target), targetDurationSeconds: target)
    }
    var averageBitsPerSecond: Int { averageSegmentBitRate(measures) }

    /// Thousands of segments that take next to no time would make as many runs as their count squared: such are put together.
    private static func merged(_ measures: [SegmentMeasure], target: Int) -> [SegmentMeasure] {
        guard measures.count > 1000 else { return measures }
        let shortest = Double(max(1, target)) / 200
        return measures.reduce(into: []) { merged, measure in
            if let last = merged.last, last.durationSeconds < shortest {
                merged[merged.count - 1].bytes += measure.bytes
                merged[merged.count - 1].durationSeconds += measure.durationSeconds
            } else {
                merged.append(measure)
            }
        }
    }

    /// What is there, by the samples; nil when a segment is not MP4.
    var sampleSeconds: Double? {
        let facts = segments.compactMap(\.facts)
        return facts.count == segments.count && !facts.isEmpty ? facts.reduce(0) { $0 + $1.seconds } : nil
    }
    /// The first presentation time, in seconds.
    var startSeconds: Double? { segments.first?.facts?.startSeconds }

    /// Frames a second of the fastest segment; nil when nothing is known.
    var framesPerSecond: Double? {
        let rates = segments.compactMap(\.facts).map(\.samplesPerSecond).filter { $0 > 0 }
        return rates.max()
    }
    /// The longest frame or sound frame in seconds.
    var sampleSecondsMax: Double {
        segments.compactMap(\.facts).map { Double($0.sampleDurationMax) / Double($0.timescale) }.max() ?? 0
    }
}
