// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// Owns one `AVPacket` and the data that it refers to.
///
/// Used by one thread at a time; it may be handed to another.
final class Packet: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<AVPacket>

    init() throws(MediaError) {
        guard let packet = av_packet_alloc() else { throw MediaError.failed("no memory for a packet") }
        pointer = packet
    }

    deinit {
        var packet: UnsafeMutablePointer<AVPacket>? = pointer
        av_packet_free(&packet)
    }

    var streamIndex: Int { Int(pointer.pointee.stream_index) }
    var isKey: Bool { pointer.pointee.flags & AV_PKT_FLAG_KEY != 0 }

    /// Whether an encoded picture is I, P or B; nil when the encoder did not say.
    var pictureType: AVPictureType? {
        var size = 0
        // Its layout: quality (32 bits), type (8 bits), and more (libavcodec, AV_PKT_DATA_QUALITY_STATS).
        guard let stats = av_packet_get_side_data(pointer, AV_PKT_DATA_QUALITY_STATS, &size), size > 4 else {
            return nil
        }
        return AVPictureType(rawValue: AVPictureType.RawValue(stats[4]))
    }

    /// Lets go of the data; the packet can be filled again.
    func clear() { av_packet_unref(pointer) }
}
