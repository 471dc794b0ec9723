// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// How one rung's video is encoded.
struct VideoSettings: Sendable {
    var size: PictureSize
    var frameRate: FrameRate
    /// Frames from one IDR to the next.
    var gopFrames: Int
    /// The bound of the rate over a segment of 6 s, container included, in bits per second.
    var bitsPerSecondMax: Int
    /// How much of the rate lies in the buffer, which a scene may use up at once.
    var bufferSeconds = 1.0
    /// x264's preset, such as `veryfast`.
    var preset: String
    var threads: Int
    /// Each picture comes with its type, which another encoder has decided.
    var followsTypes = false
    var color: ColorDescription

    /// The encoder's rate, of the bound for a segment.
    fileprivate static let rateShare = 0.85
}

extension VideoSettings {
    /// What the container adds at most: a `moof`, and 12 bytes for each of 60 frames a second.
    private static let containerBits = 1_500.0
    private static let containerBitsPerSecond = 6_000.0

    /// The buffer with which a whole video of `videoSeconds` stays below `peakMax` bits per second, however hard its
    /// pictures: a full buffer (x264 begins with 0.9 of it) weighs more, the shorter the video is. At most a second.
    static func bufferSeconds(videoSeconds: Double, bitsPerSecondMax: Int, peakMax: Int) -> Double {
        let rate = Double(bitsPerSecondMax) * rateShare
        let spareBits = (Double(peakMax) - rate - containerBitsPerSecond) * videoSeconds - containerBits
        return min(1, max(0.05, spareBits / (0.9 * rate)))
    }
}

/// The colour tags of a source, carried over to every rung.
struct ColorDescription: Sendable, Equatable {
    var primaries = AVCOL_PRI_UNSPECIFIED
    var transfer = AVCOL_TRC_UNSPECIFIED
    var matrix = AVCOL_SPC_UNSPECIFIED
}

/// Encodes one stream: frames in, packets out.
final class Encoder {
    /// The context after opening, for the muxer.
    private(set) var context: UnsafeMutablePointer<AVCodecContext>?

    /// H.264 by libx264: closed GOPs of a fixed length, and a rate that stays under a bound in every segment.
    init(video settings: VideoSettings) throws(MediaError) {
        try open("libx264") { (context, options) in
            context.pointee.width = Int32(settings.size.width)
            context.pointee.height = Int32(settings.size.height)
            context.pointee.sample_aspect_ratio = AVRational(num: 1, den: 1)
            context.pointee.pix_fmt = AV_PIX_FMT_YUV420P
            context.pointee.time_base = settings.frameRate.frameDuration
            context.pointee.framerate = settings.frameRate.rational
            context.pointee.gop_size = Int32(settings.gopFrames)
            context.pointee.color_range = AVCOL_RANGE_MPEG
            context.pointee.color_primaries = settings.color.primaries
            context.pointee.color_trc = settings.color.transfer
            context.pointee.colorspace = settings.color.matrix
            context.pointee.thread_count = Int32(settings.threads)
            // With a buffer of one second at 0.85 of the bound a segment of 6 s that drains a full buffer stays
            // below the bound, with 2 % left for the container.
            let rate = Double(settings.bitsPerSecondMax) * VideoSettings.rateShare
            context.pointee.rc_max_rate = Int64(rate)
            context.pointee.rc_buffer_size = Int32(rate * settings.bufferSeconds)
            av_dict_set(&options, "preset", settings.preset, 0)
            av_dict_set(&options, "profile", "high", 0)
            av_dict_set(&options, "crf", "23", 0)
            av_dict_set(&options, "forced-idr", "1", 0)
            // No IDR but those of the grid, so that all rungs can be switched at the same frames. Without a pyramid
            // of B frames the decoding order runs one frame ahead, not two: some players (those on libavformat) show
            // the picture of a track with negative composition offsets late by that much.
            av_dict_set(
                &options, "x264-params",
                "keyint=\(settings.gopFrames):min-keyint=\(settings.gopFrames):scenecut=0:open-gop=0:b-pyramid=none"
                    + ":stitchable=1" + Self.tuning(settings), 0)
        }
    }

    /// Where a preset's own choice costs more than it gives: `veryfast` searches motion in a hexagon, which finds
    /// little that a diamond does not, and tries parts of 8x8 in B pictures, which save no bits (docs/transcoding.md,
    /// "Speed").
    private static func tuning(_ settings: VideoSettings) -> String {
        guard settings.preset == "veryfast" else { return "" }
        return ":me=dia:partitions=p8x8,i8x8,i4x4" + (settings.followsTypes ? ":b-adapt=0" : "")
    }

    /// AAC-LC at 128 kb/s, 48 kHz, stereo.
    init(audioBitsPerSecond: Int) throws(MediaError) {
        try open("aac") { (context, _) in
            context.pointee.sample_rate = Int32(AudioFormat.samplesPerSecond)
            context.pointee.sample_fmt = AV_SAMPLE_FMT_FLTP
            av_channel_layout_default(&context.pointee.ch_layout, Int32(AudioFormat.channels))
            context.pointee.time_base = AVRational(num: 1, den: Int32(AudioFormat.samplesPerSecond))
            context.pointee.bit_rate = Int64(audioBitsPerSecond)
        }
    }

    /// One JPEG picture of full-range 4:2:0 frames.
    init(picture size: PictureSize) throws(MediaError) {
        try open("mjpeg") { (context, _) in
            context.pointee.width = Int32(size.width)
            context.pointee.height = Int32(size.height)
            context.pointee.pix_fmt = AV_PIX_FMT_YUVJ420P
            context.pointee.color_range = AVCOL_RANGE_JPEG
            context.pointee.time_base = AVRational(num: 1, den: 1)
            context.pointee.flags |= AV_CODEC_FLAG_QSCALE
            context.pointee.global_quality = FF_QP2LAMBDA * 4
        }
    }

    deinit {
        avcodec_free_context(&context)
    }

    /// Encodes one frame, or drains the encoder (nil), and gives each packet to `receive`.
    func encode(_ frame: Frame?, _ receive: (Packet) throws(MediaError) -> Void) throws(MediaError) {
        try check(avcodec_send_frame(context, frame?.pointer), "encode a frame")
        while true {
            let packet = try Packet()
            let code = avcodec_receive_packet(context, packet.pointer)
            if code == spw_av_again() || code == spw_av_eof() { return }
            try check(code, "take an encoded packet")
            try receive(packet)
        }
    }

    private func open(
        _ name: String, _ configure: (UnsafeMutablePointer<AVCodecContext>, inout OpaquePointer?) -> Void
    ) throws(MediaError) {
        guard let codec = avcodec_find_encoder_by_name(name) else {
            throw MediaError.failed("libavcodec has no encoder \(name)")
        }
        context = avcodec_alloc_context3(codec)
        guard let context else { throw MediaError.failed("no memory for an encoder") }
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        // MP4 keeps the parameter sets in the sample entry, not in the stream.
        context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER
        configure(context, &options)
        try check(avcodec_open2(context, codec, &options), "open the encoder \(name)")
        guard av_dict_count(options) == 0 else { throw MediaError.failed("\(name) does not know all options") }
    }
}
