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

    /// Lets go of the data; the packet can be filled again.
    func clear() { av_packet_unref(pointer) }
}
