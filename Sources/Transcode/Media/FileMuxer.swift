// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import Glibc

/// Writes one encoded stream as a plain MP4 file in memory.
final class FileMuxer {
    private static let bufferBytes: Int32 = 64 << 10

    private var context: UnsafeMutablePointer<AVFormatContext>?
    private let output = Output()
    private let encoderTimeBase: AVRational

    /// The file so far; libav goes back in it to fill in sizes.
    private final class Output {
        var bytes: [UInt8] = []
        var position = 0

        func write(_ new: UnsafeBufferPointer<UInt8>) {
            let overlap = min(new.count, bytes.count - position)
            bytes.replaceSubrange(position..<position + overlap, with: new[..<overlap])
            bytes.append(contentsOf: new[overlap...])
            position += new.count
        }

        func seek(_ offset: Int64, _ whence: Int32) -> Int64 {
            let base: Int
            switch whence & ~AVSEEK_FORCE {
            case AVSEEK_SIZE: return Int64(bytes.count)
            case SEEK_SET: base = 0
            case SEEK_CUR: base = position
            case SEEK_END: base = bytes.count
            default: return Int64(spw_av_io_error())
            }
            let target = base + Int(offset)
            guard (0...bytes.count).contains(target) else { return Int64(spw_av_io_error()) }
            position = target
            return Int64(target)
        }
    }

    init(encoder: Encoder) throws(MediaError) {
        guard let encoding = encoder.context else { throw MediaError.failed("an encoder that is not open") }
        encoderTimeBase = encoding.pointee.time_base
        try check(avformat_alloc_output_context2(&context, nil, "mp4", nil), "make a muxer")
        guard let context, let stream = avformat_new_stream(context, nil) else {
            throw MediaError.failed("no memory for a muxer")
        }
        try check(avcodec_parameters_from_context(stream.pointee.codecpar, encoding), "describe a stream")
        stream.pointee.time_base = encoding.pointee.time_base
        stream.pointee.avg_frame_rate = encoding.pointee.framerate
        guard let buffer = av_malloc(Int(Self.bufferBytes)) else { throw MediaError.failed("no memory for output") }
        context.pointee.pb = avio_alloc_context(
            buffer.assumingMemoryBound(to: UInt8.self), Self.bufferBytes, 1,
            Unmanaged.passUnretained(output).toOpaque(), nil,
            { opaque, bytes, count in
                guard let opaque, let bytes, count >= 0 else { return spw_av_io_error() }
                let output = Unmanaged<Output>.fromOpaque(opaque).takeUnretainedValue()
                output.write(UnsafeBufferPointer(start: bytes, count: Int(count)))
                return count
            },
            { opaque, offset, whence in
                guard let opaque else { return Int64(spw_av_io_error()) }
                return Unmanaged<Output>.fromOpaque(opaque).takeUnretainedValue().seek(offset, whence)
            })
        guard context.pointee.pb != nil else {
            av_free(buffer)
            throw MediaError.failed("no memory for output")
        }
        context.pointee.flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT
        try check(avformat_write_header(context, nil), "begin a file")
    }

    deinit {
        guard let context else { return }
        if let pb = context.pointee.pb {
            av_free(pb.pointee.buffer)
            avio_context_free(&context.pointee.pb)
        }
        avformat_free_context(context)
    }

    /// Adds a packet, whose times are in the encoder's units. The packet is left empty.
    func write(_ packet: Packet) throws(MediaError) {
        guard let context, let stream = context.pointee.streams?[0] else { return }
        packet.pointer.pointee.duration = 1
        av_packet_rescale_ts(packet.pointer, encoderTimeBase, stream.pointee.time_base)
        packet.pointer.pointee.stream_index = 0
        try check(av_write_frame(context, packet.pointer), "write a packet")
        packet.clear()
    }

    /// Ends the file and gives it.
    func finish() throws(MediaError) -> [UInt8] {
        try check(av_write_trailer(context), "end a file")
        avio_flush(context?.pointee.pb)
        return output.bytes
    }
}
