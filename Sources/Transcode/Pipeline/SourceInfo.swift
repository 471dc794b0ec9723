// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// What is known of a file before it is decoded; `transcode probe` prints it.
struct SourceInfo: Sendable, Codable, Equatable {
    struct VideoStream: Sendable, Codable, Equatable {
        var index: Int
        var codec: String
        /// As stored.
        var codedWidth: Int
        var codedHeight: Int
        /// As shown: square pixels, upright.
        var width: Int
        var height: Int
        var rotationDegrees: Int
        /// That the renditions get.
        var framesPerSecond: Double
        /// Two moments in each picture.
        var isInterlaced: Bool
        var pixelFormat: String
        /// 0 when the file does not tell.
        var durationSeconds: Double
    }

    struct AudioStream: Sendable, Codable, Equatable {
        var index: Int
        var codec: String
        var channels: Int
        var samplesPerSecond: Int
        /// RFC 5646, `und` when the file does not tell.
        var language: String
        /// What the file calls the track; empty when it does not.
        var title: String
        var isDefault: Bool
        var durationSeconds: Double
    }

    struct SubtitleStream: Sendable, Codable, Equatable {
        var index: Int
        var codec: String
        /// False for subtitles that are pictures; those are left out.
        var isText: Bool
        var language: String
        var title: String
        var isForced: Bool
    }

    /// A stream that is not used.
    struct OtherStream: Sendable, Codable, Equatable {
        var index: Int
        /// `cover picture`, `video`, `data`, …
        var kind: String
        var codec: String
    }

    /// libav's name of the container format.
    var format: String
    /// Of the container; 0 when it does not tell.
    var durationSeconds: Double
    var video: VideoStream?
    /// The default one first.
    var audioTracks: [AudioStream]
    var subtitles: [SubtitleStream]
    var others: [OtherStream]

    /// The default sound track.
    var audio: AudioStream? { audioTracks.first }
    var isSoundOnly: Bool { video == nil && !audioTracks.isEmpty }
    /// The picture of a record's cover.
    var coverIndex: Int? { others.first { $0.kind == Self.coverKind }?.index }

    private static let coverKind = "cover picture"

    /// The longest video that is taken, in seconds.
    static let durationSecondsMax = 24.0 * 3600

    init(_ demuxer: Demuxer) {
        format = demuxer.formatName
        durationSeconds = demuxer.durationSeconds ?? 0
        video = Self.bestVideo(demuxer.streams)
        audioTracks = Self.audioTracks(demuxer.streams)
        subtitles = demuxer.streams.compactMap(Self.subtitles)
        let used = Set([video?.index].compactMap { $0 } + audioTracks.map(\.index) + subtitles.map(\.index))
        others = demuxer.streams.compactMap { stream in
            used.contains(Int(stream.pointee.index)) ? nil : Self.other(stream)
        }
    }

    /// Throws the reason why there is nothing to transcode.
    func checkUsable() throws(MediaError) -> VideoStream {
        guard let video else {
            throw MediaError.unusable("The file holds neither video nor sound that could be recognised.")
        }
        guard video.width > 0, video.height > 0 else {
            throw MediaError.unusable("The file is damaged: the size of its video is not known.")
        }
        guard video.codedWidth * video.codedHeight <= Decoder.pixelsMax, video.width <= 16384, video.height <= 16384
        else {
            throw MediaError.unusable(
                "The video's picture of \(video.width)x\(video.height) is larger than the largest that is accepted, 8192x4320."
            )
        }
        guard video.width >= 16, video.height >= 16 else {
            throw MediaError.unusable(
                "The video's picture of \(video.width)x\(video.height) is too small; it must be at least 16x16.")
        }
        guard declaredSeconds <= Self.durationSecondsMax else {
            throw MediaError.unusable("The video is longer than 24 hours, the most that is accepted.")
        }
        return video
    }

    /// How long the video should be by what the file says, 0 when it says nothing.
    var declaredSeconds: Double {
        guard let video else { return 0 }
        return video.durationSeconds > 0 ? video.durationSeconds : durationSeconds
    }

    private static func bestVideo(_ streams: [UnsafeMutablePointer<AVStream>]) -> VideoStream? {
        let all = streams.compactMap { stream -> (VideoStream, isDefault: Bool)? in
            guard let parameters = stream.pointee.codecpar?.pointee, parameters.codec_type == AVMEDIA_TYPE_VIDEO,
                // A cover picture is not the video.
                stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC == 0
            else { return nil }
            return (video(stream, parameters), stream.pointee.disposition & AV_DISPOSITION_DEFAULT != 0)
        }
        func area(_ stream: VideoStream) -> Int { stream.width &* stream.height }
        return all.max { ($0.isDefault ? 1 : 0, area($0.0)) < ($1.isDefault ? 1 : 0, area($1.0)) }?.0
    }

    private static func video(_ stream: UnsafeMutablePointer<AVStream>, _ parameters: AVCodecParameters) -> VideoStream
    {
        let rotation = Rotation(stream: stream)
        var width = Int(parameters.width)
        let height = Int(parameters.height)
        let ownAspect = stream.pointee.sample_aspect_ratio
        let aspect = ownAspect.num > 0 && ownAspect.den > 0 ? ownAspect : parameters.sample_aspect_ratio
        // A pixel shape beyond 4:1 is damage, not design.
        if aspect.num > 0, aspect.den > 0, (0.25...4).contains(av_q2d(aspect)) {
            width = Int((Double(width) * av_q2d(aspect)).rounded())
        }
        let format = av_get_pix_fmt_name(AVPixelFormat(rawValue: parameters.format))
        return VideoStream(
            index: Int(stream.pointee.index), codec: String(cString: avcodec_get_name(parameters.codec_id)),
            codedWidth: Int(parameters.width), codedHeight: Int(parameters.height),
            width: rotation.swapsSides ? height : width, height: rotation.swapsSides ? width : height,
            rotationDegrees: rotation.degrees, framesPerSecond: OutputRate(stream: stream).frameRate.value,
            isInterlaced: OutputRate.isInterlaced(parameters),
            pixelFormat: format.map { String(cString: $0) } ?? "unknown", durationSeconds: duration(stream))
    }

    private static func audioTracks(_ streams: [UnsafeMutablePointer<AVStream>]) -> [AudioStream] {
        var all = streams.compactMap { stream -> AudioStream? in
            guard let parameters = stream.pointee.codecpar?.pointee, parameters.codec_type == AVMEDIA_TYPE_AUDIO,
                parameters.sample_rate > 0, parameters.ch_layout.nb_channels > 0
            else { return nil }
            return AudioStream(
                index: Int(stream.pointee.index), codec: String(cString: avcodec_get_name(parameters.codec_id)),
                channels: Int(parameters.ch_layout.nb_channels), samplesPerSecond: Int(parameters.sample_rate),
                language: language(stream), title: title(stream),
                isDefault: stream.pointee.disposition & AV_DISPOSITION_DEFAULT != 0, durationSeconds: duration(stream))
        }
        if let first = all.firstIndex(where: \.isDefault) { all.insert(all.remove(at: first), at: 0) }
        return all
    }

    private static func subtitles(_ stream: UnsafeMutablePointer<AVStream>) -> SubtitleStream? {
        guard let parameters = stream.pointee.codecpar?.pointee, parameters.codec_type == AVMEDIA_TYPE_SUBTITLE else {
            return nil
        }
        return SubtitleStream(
            index: Int(stream.pointee.index), codec: String(cString: avcodec_get_name(parameters.codec_id)),
            isText: SubtitleDecoder.isText(parameters.codec_id), language: language(stream), title: title(stream),
            isForced: stream.pointee.disposition & AV_DISPOSITION_FORCED != 0)
    }

    private static func other(_ stream: UnsafeMutablePointer<AVStream>) -> OtherStream? {
        guard let parameters = stream.pointee.codecpar?.pointee else { return nil }
        let isCover = stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC != 0
        let kind = av_get_media_type_string(parameters.codec_type).map { String(cString: $0) }
        return OtherStream(
            index: Int(stream.pointee.index), kind: isCover ? coverKind : kind ?? "unknown",
            codec: String(cString: avcodec_get_name(parameters.codec_id)))
    }

    private static func duration(_ stream: UnsafeMutablePointer<AVStream>) -> Double {
        let duration = stream.pointee.duration
        guard duration != spw_av_no_timestamp(), duration > 0 else { return 0 }
        return Double(duration) * av_q2d(stream.pointee.time_base)
    }

    /// At most so many characters: a name in a menu.
    private static let titleCharactersMax = 60

    private static func title(_ stream: UnsafeMutablePointer<AVStream>) -> String {
        guard let entry = av_dict_get(stream.pointee.metadata, "title", nil, 0), let value = entry.pointee.value
        else { return "" }
        let text = String(cString: value).unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F && $0 != "\"" }
        return String(String(String.UnicodeScalarView(text)).prefix(titleCharactersMax))
    }

    private static func language(_ stream: UnsafeMutablePointer<AVStream>) -> String {
        guard let entry = av_dict_get(stream.pointee.metadata, "language", nil, 0), let value = entry.pointee.value
        else { return "und" }
        return LanguageTag.fromISO639(String(cString: value))
    }
}
