// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// The picture that stands for a file without video: the record's cover, or a plain dark picture.
enum SoundOnlyPoster {
    private static let plainSize = PictureSize(width: 640, height: 360)
    private static let plainLuma: UInt8 = 32

    /// Stores it in `folder` and gives its name.
    static func write(_ demuxer: Demuxer, _ info: SourceInfo, folder: String) throws(MediaError) -> String {
        let path = "\(folder)/\(PosterPicker.fileName)"
        // A cover that can not be read is no reason to refuse the sound.
        if let cover = cover(demuxer, info), (try? PosterPicker.write(cover, to: path)) != nil {
            return PosterPicker.fileName
        }
        let plain = try PictureCanvas(size: plainSize, luma: plainLuma)
        try writeFile(path, try plain.jpeg(height: plainSize.height))
        return PosterPicker.fileName
    }

    private static func cover(_ demuxer: Demuxer, _ info: SourceInfo) -> Frame? {
        guard let index = info.coverIndex else { return nil }
        let stream = demuxer.streams[index]
        guard let packet = try? Packet(), av_packet_ref(packet.pointer, &stream.pointee.attached_pic) >= 0,
            let decoder = try? Decoder(stream: stream, threads: 1)
        else { return nil }
        var frame: Frame?
        func take(_ decoded: Frame) { frame = decoded }
        try? decoder.decode(packet, take)
        try? decoder.decode(nil, take)
        return frame
    }
}
