// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Writes pictures as JPEG.
enum JPEG {
    /// `picture` is 4:2:0 of full range with even sides; its times are set anew.
    static func encode(_ picture: Frame) throws(MediaError) -> [UInt8] {
        picture.pointer.pointee.pts = 0
        picture.pointer.pointee.pict_type = AV_PICTURE_TYPE_NONE
        picture.pointer.pointee.quality = FF_QP2LAMBDA * 4
        let encoder = try Encoder(picture: PictureSize(width: picture.width, height: picture.height))
        var bytes: [UInt8] = []
        func take(_ packet: Packet) throws(MediaError) {
            bytes += UnsafeBufferPointer(start: packet.pointer.pointee.data, count: Int(packet.pointer.pointee.size))
        }
        try encoder.encode(picture, take)
        try encoder.encode(nil, take)
        return bytes
    }
}
