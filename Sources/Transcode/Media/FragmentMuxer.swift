// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Writes one encoded stream as CMAF: an initialization segment, then fragments that the caller cuts.
///
/// Everything goes to memory, one segment at a time; the caller stores it.
final class FragmentMuxer {
    private static let bufferBytes: Int32 = 64 << 10

    private var context: UnsafeMutablePointer<AVFormatContext>?
    private let output = Output()
    private let encoderTimeBase: AVRational
    /// Added to every fragment's decode time, in units of the track.
    private var decodeTimeOffset: Int64 = 0
    /// Where the open fragment must begin, and how long it is so far, in units of the track.
    private var fragmentStart: Int64 = 0
    private var fragmentDuration: Int64 = 0
    /// A fragment of pictures begins at each key frame, so that an I-frame playlist can name it.
    let fragmentsAtKeys: Bool
    private var packetsInFragment = 0
    /// The fragments since the last cut.
    private var fragments: [UInt8] = []

    /// What libav has written since it was last taken.
    private final class Output {
        var bytes: [UInt8] = []
    }

    /// `firstUnit` and `firstFragment` are where a track is continued that another muxer began: the frames and the
    /// fragments before. Packets come with times from 0 all the same. `loudness` is what the initialization segment
    /// says of a sound track; nil for nothing.
    init(
        encoder: Encoder, firstUnit: Int = 0, firstFragment: Int = 0, loudness: Loudness? = nil
    ) throws(MediaError) {
        guard let encoding = encoder.context else { throw MediaError.failed("an encoder that is not open") }
        encoderTimeBase = encoding.pointee.time_base
        fragmentsAtKeys = encoding.pointee.codec_type == AVMEDIA_TYPE_VIDEO
        try check(avformat_alloc_output_context2(&context, nil, "mp4", nil), "make a muxer")
        guard let context, let stream = avformat_new_stream(context, nil) else {
            throw MediaError.failed("no memory for a muxer")
        }
        try check(avcodec_parameters_from_context(stream.pointee.codecpar, encoding), "describe a stream")
        stream.pointee.time_base = encoding.pointee.time_base
        stream.pointee.avg_frame_rate = encoding.pointee.framerate
        try openOutput(context)
        context.pointee.flags |= AVFMT_FLAG_CUSTOM_IO
        context.pointee.flags |= AVFMT_FLAG_BITEXACT
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        // frag_custom: only `cut` ends a fragment. negative_cts_offsets: presentation starts at 0 without an
        // edit list, which players treat in different ways.
        av_dict_set(
            &options, "movflags", "cmaf+frag_custom+empty_moov+default_base_moof+negative_cts_offsets+skip_trailer", 0)
        av_dict_set(&options, "use_editlist", "0", 0)
        // mfhd counts from 1 (ISO/IEC 14496-12 section 8.8.5).
        av_dict_set_int(&options, "fragment_index", Int64(firstFragment) + 1, 0)
        try check(avformat_write_header(context, &options), "write an initialization segment")
        fragmentStart = av_rescale_q(Int64(firstUnit), encoderTimeBase, stream.pointee.time_base)
        decodeTimeOffset = fragmentStart
        guard let loudness else { return }
        avio_flush(context.pointee.pb)
        guard let bytes = mp4AddingLoudness(loudness, to: output.bytes) else {
            throw MediaError.failed("an initialization segment without a track")
        }
        output.bytes = bytes
    }

    deinit {
        guard let context else { return }
        if let pb = context.pointee.pb {
            av_free(pb.pointee.buffer)
            avio_context_free(&context.pointee.pb)
        }
        avformat_free_context(context)
    }

    /// The decoder configuration that the sample entry holds: `avcC` for H.264, the AudioSpecificConfig for AAC.
    var codecConfiguration: [UInt8] {
        guard let parameters = context?.pointee.streams?[0]?.pointee.codecpar,
            let data = parameters.pointee.extradata, parameters.pointee.extradata_size > 0
        else { return [] }
        return Array(UnsafeBufferPointer(start: data, count: Int(parameters.pointee.extradata_size)))
    }

    /// The bytes written since the last call: after `init`, the initialization segment.
    func takeBytes() -> [UInt8] {
        avio_flush(context?.pointee.pb)
        defer { output.bytes = [] }
        return output.bytes
    }

    /// Adds a packet, whose times are in the encoder's units, to the open fragment. The packet is left empty.
    func write(_ packet: Packet) throws(MediaError) {
        guard let context, let stream = context.pointee.streams?[0] else { return }
        if fragmentsAtKeys, packet.isKey, packetsInFragment > 0 { try endFragment() }
        packetsInFragment += 1
        av_packet_rescale_ts(packet.pointer, encoderTimeBase, stream.pointee.time_base)
        packet.pointer.pointee.stream_index = 0
        fragmentDuration += packet.pointer.pointee.duration
        try check(av_write_frame(context, packet.pointer), "write a packet")
        packet.clear()
    }

    /// Ends the open fragment and returns what was written since the last cut: `styp`, then `moof` and `mdat` of
    /// each fragment. Pictures have a fragment for each key frame, sound has one.
    func cut() throws(MediaError) -> [UInt8] {
        try endFragment()
        defer { fragments = [] }
        return Self.segmentType + fragments
    }

    private func endFragment() throws(MediaError) {
        try check(av_write_frame(context, nil), "end a fragment")
        var bytes = takeBytes()
        if decodeTimeOffset > 0 { try moveDecodeTime(&bytes) }
        guard let time = mp4FragmentDecodeTime(bytes), Int64(time) == fragmentStart else {
            throw MediaError.failed("a fragment does not begin where the last one ended")
        }
        fragmentStart += fragmentDuration
        fragmentDuration = 0
        packetsInFragment = 0
        fragments += bytes
    }

    /// Adds the offset to `baseMediaDecodeTime`, which libav writes with 64 bits (version 1, ISO/IEC 14496-12 section
    /// 8.8.12).
    private func moveDecodeTime(_ bytes: inout [UInt8]) throws(MediaError) {
        guard let own = mp4FragmentDecodeTime(bytes), let box = mp4Box(in: bytes, path: ["moof", "traf", "tfdt"]),
            box.body.count == 12, bytes[box.body.lowerBound] == 1
        else { throw MediaError.failed("a fragment without a decode time") }
        let time = UInt64(Int64(own) + decodeTimeOffset)
        for index in 0..<8 {
            bytes[box.body.lowerBound + 4 + index] = UInt8(truncatingIfNeeded: time >> (56 - 8 * index))
        }
    }

    /// A `styp` box with the brand of CMAF segments (ISO/IEC 23000-19 section 7.3.3), which libav does not write.
    private static let segmentType: [UInt8] =
        [0, 0, 0, 24] + Array("styp".utf8) + Array("cmfs".utf8) + [0, 0, 0, 0] + Array("cmfs".utf8)
        + Array("msdh".utf8)

    private func openOutput(_ context: UnsafeMutablePointer<AVFormatContext>) throws(MediaError) {
        guard let buffer = av_malloc(Int(Self.bufferBytes)) else { throw MediaError.failed("no memory for output") }
        context.pointee.pb = avio_alloc_context(
            buffer.assumingMemoryBound(to: UInt8.self), Self.bufferBytes, 1,
            Unmanaged.passUnretained(output).toOpaque(), nil,
            { opaque, bytes, count in
                guard let opaque, let bytes, count >= 0 else { return spw_av_io_error() }
                let output = Unmanaged<Output>.fromOpaque(opaque).takeUnretainedValue()
                output.bytes.append(contentsOf: UnsafeBufferPointer(start: bytes, count: Int(count)))
                return count
            }, nil)
        guard context.pointee.pb != nil else {
            av_free(buffer)
            throw MediaError.failed("no memory for output")
        }
    }
}
