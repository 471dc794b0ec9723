// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// A picture of 4:2:0 samples, full range, that small ones are copied into.
struct PictureCanvas {
    private let frame: Frame
    private let size: PictureSize

    /// All of `luma` (0 to 255), without colour. Both sides are even.
    init(size: PictureSize, luma: UInt8 = 0) throws(MediaError) {
        self.size = size
        frame = try Frame()
        frame.pointer.pointee.width = Int32(size.width)
        frame.pointer.pointee.height = Int32(size.height)
        frame.pointer.pointee.format = AV_PIX_FMT_YUVJ420P.rawValue
        frame.pointer.pointee.color_range = AVCOL_RANGE_JPEG
        try check(av_frame_get_buffer(frame.pointer, 0), "make a picture")
        for plane in 0..<3 {
            guard let (data, stride, _) = Self.plane(plane, of: frame) else { continue }
            let rows = plane == 0 ? size.height : size.height / 2
            data.update(repeating: plane == 0 ? luma : 128, count: stride * rows)
        }
    }

    /// Copies `picture`, whose place must lie inside; both coordinates are even.
    func put(_ picture: Frame, x: Int, y: Int) {
        guard x >= 0, y >= 0, x + picture.width <= size.width, y + picture.height <= size.height else { return }
        for number in 0..<3 {
            guard let (to, toStride, shift) = Self.plane(number, of: frame),
                let (from, fromStride, _) = Self.plane(number, of: picture)
            else { continue }
            for row in 0..<picture.height >> shift {
                (to + ((y >> shift) + row) * toStride + (x >> shift))
                    .update(from: from + row * fromStride, count: picture.width >> shift)
            }
        }
    }

    /// The upper `height` lines as JPEG.
    func jpeg(height: Int) throws(MediaError) -> [UInt8] {
        let cut = try frame.reference()
        cut.pointer.pointee.height = Int32(min(height, size.height))
        return try JPEG.encode(cut)
    }

    /// A plane's samples, the distance of its lines, and by how many bits its sides are shorter than the picture's.
    private static func plane(_ number: Int, of frame: Frame) -> (UnsafeMutablePointer<UInt8>, Int, Int)? {
        let picture = frame.pointer.pointee
        let (data, stride) =
            switch number {
            case 0: (picture.data.0, picture.linesize.0)
            case 1: (picture.data.1, picture.linesize.1)
            default: (picture.data.2, picture.linesize.2)
            }
        guard let data, stride > 0 else { return nil }
        return (data, Int(stride), number == 0 ? 0 : 1)
    }
}
