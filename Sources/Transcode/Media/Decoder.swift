// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// Decodes one stream: packets in, frames out.
final class Decoder {
    /// The most pixels of a picture that is decoded: 8K with room for coded sizes beyond the shown ones.
    static let pixelsMax = 8192 * 4352

    private var context: UnsafeMutablePointer<AVCodecContext>?
    /// Packets that the decoder refused as damaged.
    private(set) var damagedPackets = 0
    private(set) var framesDecoded = 0

    /// `threads` 1 or more.
    init(stream: UnsafeMutablePointer<AVStream>, threads: Int) throws(MediaError) {
        guard let parameters = stream.pointee.codecpar else { throw MediaError.failed("a stream without parameters") }
        guard let codec = avcodec_find_decoder(parameters.pointee.codec_id),
            AllowedCodecs.contains(String(cString: codec.pointee.name))
        else {
            let name = String(cString: avcodec_get_name(parameters.pointee.codec_id))
            throw MediaError.unusable("The file is coded in a way that is not supported (\(name)).")
        }
        context = avcodec_alloc_context3(codec)
        guard let context else { throw MediaError.failed("no memory for a decoder") }
        // The class's deinit does not run when init throws before all is set; all stored state is set here.
        try check(avcodec_parameters_to_context(context, parameters), "take a stream's parameters")
        context.pointee.pkt_timebase = stream.pointee.time_base
        context.pointee.thread_count = Int32(threads)
        context.pointee.max_pixels = Int64(Self.pixelsMax)
        let code = avcodec_open2(context, codec, nil)
        // EAGAIN: no memory for the stack of a decoding thread. Neither is the file's fault.
        if code == spw_av_out_of_memory() || code == spw_av_again() { throw MediaError.libav("open a decoder", code) }
        guard code >= 0 else {
            let name = String(cString: avcodec_get_name(parameters.pointee.codec_id))
            throw MediaError.unusable("The file is damaged: its \(name) stream can not be decoded.")
        }
    }

    deinit {
        avcodec_free_context(&context)
    }

    /// Forgets what came before: the next packet is from another place of the file.
    func flush() {
        avcodec_flush_buffers(context)
    }

    /// Decodes one packet, or drains the decoder (nil), and gives each frame to `receive`. Damaged packets
    /// are counted and skipped.
    func decode(_ packet: Packet?, _ receive: (Frame) throws(MediaError) -> Void) throws(MediaError) {
        let code = avcodec_send_packet(context, packet?.pointer)
        if code == spw_av_out_of_memory() { throw MediaError.libav("decode", code) }
        if code < 0, code != spw_av_eof() { damagedPackets += 1 }
        while true {
            let frame = try Frame()
            let code = avcodec_receive_frame(context, frame.pointer)
            if code == spw_av_again() || code == spw_av_eof() { return }
            if code == spw_av_out_of_memory() { throw MediaError.libav("decode", code) }
            guard code >= 0 else {
                damagedPackets += 1
                return
            }
            framesDecoded += 1
            try receive(frame)
        }
    }
}
