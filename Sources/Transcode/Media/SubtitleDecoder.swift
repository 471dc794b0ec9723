// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// Decodes one stream of text subtitles: a packet in, its lines in the form of ASS events out.
final class SubtitleDecoder {
    /// Longer texts are no subtitles.
    private static let textBytesMax = 8 << 10

    private var context: UnsafeMutablePointer<AVCodecContext>?

    /// True for the kinds whose content is text; those of pictures would have to be read by an eye.
    static func isText(_ codec: AVCodecID) -> Bool {
        guard let descriptor = avcodec_descriptor_get(codec) else { return false }
        return descriptor.pointee.props & AV_CODEC_PROP_TEXT_SUB != 0 && decoder(codec) != nil
    }

    private static func decoder(_ codec: AVCodecID) -> UnsafePointer<AVCodec>? {
        guard let decoder = avcodec_find_decoder(codec),
            AllowedCodecs.contains(String(cString: decoder.pointee.name))
        else { return nil }
        return decoder
    }

    init(stream: UnsafeMutablePointer<AVStream>) throws(MediaError) {
        guard let parameters = stream.pointee.codecpar, let codec = Self.decoder(parameters.pointee.codec_id)
        else { throw MediaError.failed("no decoder for subtitles") }
        context = avcodec_alloc_context3(codec)
        guard let context else { throw MediaError.failed("no memory for a decoder") }
        try check(avcodec_parameters_to_context(context, parameters), "take a stream's parameters")
        context.pointee.pkt_timebase = stream.pointee.time_base
        try check(avcodec_open2(context, codec, nil), "open a decoder for subtitles")
    }

    deinit {
        avcodec_free_context(&context)
    }

    /// The events of a packet; none for a damaged one.
    func decode(_ packet: Packet) -> [String] {
        var subtitle = AVSubtitle()
        var isDecoded: Int32 = 0
        guard avcodec_decode_subtitle2(context, &subtitle, &isDecoded, packet.pointer) >= 0, isDecoded != 0 else {
            return []
        }
        defer { avsubtitle_free(&subtitle) }
        guard let rectangles = subtitle.rects else { return [] }
        return (0..<Int(subtitle.num_rects)).compactMap { number in
            guard let text = rectangles[number]?.pointee.ass else { return nil }
            let event = String(cString: text)
            return event.utf8.count <= Self.textBytesMax ? event : nil
        }
    }
}
