// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Opens a media file by its descriptor and reads its packets.
///
/// Everything that a hostile file could use is closed: no protocol may be opened, nested resources are
/// refused, and only the formats below are probed for, none of which is a list of other files.
final class Demuxer {
    /// Names of libav's demuxers.
    static let formats = "mov,mp4,m4a,3gp,matroska,webm,avi,mpegts,mpeg,flv,mp3,flac,ogg,wav"
    static let streamsMax = 32
    private static let triesMax = 10_000
    /// An index takes eight times as much memory as it takes bytes, so that of a smaller file is never short of memory
    /// unless it lies.
    private static let largeIndexBytesMin = 64 << 20

    private let input: DescriptorInput
    /// The file; it can be opened once more, each with its own place in it.
    let descriptor: Int32
    private var context: UnsafeMutablePointer<AVFormatContext>?

    init(descriptor: Int32) throws(MediaError) {
        av_log_set_level(AV_LOG_QUIET)
        self.descriptor = descriptor
        input = try DescriptorInput(descriptor: descriptor)
        if let reason = InputSniffer.objection(to: input.head(InputSniffer.headBytes)) {
            throw MediaError.unusable(reason)
        }
        guard let context = avformat_alloc_context() else { throw MediaError.failed("no memory for a demuxer") }
        context.pointee.pb = input.context
        context.pointee.flags |= AVFMT_FLAG_CUSTOM_IO
        context.pointee.io_open = { _, _, _, _, _ in spw_av_refused() }
        context.pointee.max_streams = Int32(Self.streamsMax)
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        av_dict_set(&options, "format_whitelist", Self.formats, 0)
        // No protocol has this name, so that none is allowed.
        av_dict_set(&options, "protocol_whitelist", "none", 0)
        av_dict_set(&options, "codec_whitelist", AllowedCodecs.list, 0)
        // Data references of MOV name other files. Off by libav's default too; said here because so much rests on it.
        av_dict_set(&options, "enable_drefs", "0", 0)
        av_dict_set(&options, "use_absolute_path", "0", 0)
        var opened: UnsafeMutablePointer<AVFormatContext>? = context
        // On failure libav frees the context itself.
        let code = avformat_open_input(&opened, nil, nil, &options)
        guard code >= 0 else { throw openError(code) }
        self.context = opened
        let found = avformat_find_stream_info(opened, nil)
        if found == spw_av_out_of_memory() { throw MediaError.libav("recognise the streams", found) }
        guard found >= 0 else {
            throw MediaError.unusable("The file is broken: its video and audio could not be recognised.")
        }
    }

    deinit {
        avformat_close_input(&context)
    }

    /// The streams in the order of the file, valid as long as the demuxer.
    var streams: [UnsafeMutablePointer<AVStream>] {
        guard let context, let list = context.pointee.streams else { return [] }
        return (0..<Int(context.pointee.nb_streams)).compactMap { list[$0] }
    }

    /// The file's size in bytes.
    var size: Int64 { input.size }

    /// libav's name of the format, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    var formatName: String {
        guard let name = context?.pointee.iformat?.pointee.name else { return "" }
        return String(cString: name)
    }

    /// The container's duration in seconds, nil when it tells none.
    var durationSeconds: Double? {
        guard let duration = context?.pointee.duration, duration != spw_av_no_timestamp(), duration > 0 else {
            return nil
        }
        let seconds = Double(duration) / Double(AV_TIME_BASE)
        // Matroska counts from 0 of its time line, not from its first picture.
        return formatName.hasPrefix("matroska") ? seconds - max(0, startSeconds) : seconds
    }

    /// Where the file's own time line begins, in seconds.
    var startSeconds: Double {
        guard let start = context?.pointee.start_time, start != spw_av_no_timestamp() else { return 0 }
        return Double(start) / Double(AV_TIME_BASE)
    }

    /// Packets of other streams are not read at all where the format allows it.
    func select(streams selected: Set<Int>) {
        for (index, stream) in streams.enumerated() {
            stream.pointee.discard = selected.contains(index) ? AVDISCARD_DEFAULT : AVDISCARD_ALL
        }
    }

    /// The streams that are read.
    var selectedStreams: Set<Int> {
        Set(streams.indices.filter { streams[$0].pointee.discard != AVDISCARD_ALL })
    }

    /// Goes to the last key frame of `stream` that is not behind `timestamp` (in the stream's units); false if the
    /// format can not.
    func seek(stream: Int, timestamp: Int64) -> Bool {
        av_seek_frame(context, Int32(stream), timestamp, AVSEEK_FLAG_BACKWARD) >= 0
    }

    /// Reads the next packet; false at the end of what can be read, whole or cut off.
    func read(into packet: Packet) throws(MediaError) -> Bool {
        packet.clear()
        // A demuxer over a file never has to wait: one that says so again and again makes no progress.
        for _ in 0..<Self.triesMax {
            let code = av_read_frame(context, packet.pointer)
            if code == spw_av_again() { continue }
            if code == spw_av_out_of_memory() { throw MediaError.libav("read", code) }
            // A read error in the middle of a file is what a cut-off file looks like; the caller compares
            // what came with what the file declares.
            return code >= 0
        }
        return false
    }

    /// Goes on reading at the last place before `seconds` of the file's own time line where all streams can be
    /// decoded from; false when the format can not do so.
    func seek(seconds: Double) -> Bool {
        guard seconds.isFinite, abs(seconds) < 1e9 else { return false }
        return av_seek_frame(context, -1, Int64(seconds * Double(AV_TIME_BASE)), AVSEEK_FLAG_BACKWARD) >= 0
    }

    /// The bytes that the index of the file (MP4, AVI) says must exist but do not; 0 for none.
    ///
    /// A fragmented MP4 has an index for each fragment, so that a recording that broke off can be played.
    func bytesMissing() -> Int64 {
        if formatName.hasPrefix("mov"), input.isFragmented() { return 0 }
        var end: Int64 = 0
        for stream in streams {
            let count = avformat_index_get_entries_count(stream)
            // Samples are stored in nearly the order of their time, so the last entries hold the end.
            for number in max(0, count - 64)..<max(0, count) {
                guard let entry = avformat_index_get_entry(stream, number) else { continue }
                end = max(end, entry.pointee.pos + Int64(entry.pointee.size))
            }
        }
        return max(0, end - input.size)
    }

    private func openError(_ code: Int32) -> MediaError {
        if code == spw_av_out_of_memory() {
            guard input.size < Self.largeIndexBytesMin else { return .libav("open", code) }
            return .unusable(
                "The file is damaged: its index claims far more entries than a file of \(input.size) bytes can have.")
        }
        if InputSniffer.looksLikeMP4(input.head(InputSniffer.headBytes)) {
            return .unusable(
                "The file ends too early or is damaged: its index (the moov box) is missing, so it can not be played. "
                    + "It was probably cut off while it was recorded, copied or uploaded.")
        }
        return .unusable(
            "The file is not in a format that is accepted: MP4, MOV, MKV, WebM, AVI, MPEG-TS, MPEG-PS or FLV, and for "
                + "sound alone MP3, FLAC, Ogg or WAV.")
    }
}
