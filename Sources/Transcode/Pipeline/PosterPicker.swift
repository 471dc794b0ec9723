// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Chooses the picture that stands for a video, and writes it as JPEG.
///
/// One picture a second of the first minute is looked at; the one with the most contrast wins, so that black
/// and white beginnings and fades lose.
struct PosterPicker {
    static let fileName = "poster.jpg"
    /// So much of the video's beginning is looked at.
    static let secondsMax = 60
    private static let widthMax = 1280

    private let interval: Int
    private var best: (frame: Frame, contrast: Double)?

    init(frameRate: FrameRate) {
        interval = max(1, Int(frameRate.value.rounded()))
    }

    /// The frames that are looked at.
    func wanted(frames: Int) -> [Range<Int>] {
        (0...Self.secondsMax).map { $0 * interval }.filter { $0 < frames }.map { $0..<$0 + 1 }
    }

    /// Looks at output frame `number`, a 4:2:0 picture.
    mutating func consider(_ frame: Frame, number: Int) {
        guard number % interval == 0, number / interval <= Self.secondsMax else { return }
        let contrast = Self.contrast(frame)
        if best == nil || contrast > best?.contrast ?? 0 { best = (frame, contrast) }
    }

    /// Writes the chosen picture; false when there was none.
    func write(to path: String) throws(MediaError) -> Bool {
        guard let frame = best?.frame else { return false }
        try Self.write(frame, to: path)
        return true
    }

    /// Writes a picture of any form as JPEG, made smaller where it is larger than a poster.
    static func write(_ frame: Frame, to path: String) throws(MediaError) {
        let scale = min(1, Double(Self.widthMax) / Double(frame.width))
        let size = PictureSize(
            width: max(2, Int(Double(frame.width) * scale) & ~1), height: max(2, Int(Double(frame.height) * scale) & ~1)
        )
        let graph = try FilterGraph(
            .video,
            input: "video_size=\(frame.width)x\(frame.height):pix_fmt=\(frame.pointer.pointee.format)"
                + ":time_base=1/1:pixel_aspect=1/1",
            chain: "scale=\(size.width):\(size.height):flags=bicubic:out_range=pc,format=yuvj420p")
        try graph.push(frame)
        guard let picture = try graph.pull() else { throw MediaError.failed("the poster was not scaled") }
        try writeFile(path, try JPEG.encode(picture))
    }

    /// The standard deviation of the luma, on every eighth sample of every eighth line.
    private static func contrast(_ frame: Frame) -> Double {
        guard let luma = frame.pointer.pointee.data.0 else { return 0 }
        let stride = Int(frame.pointer.pointee.linesize.0)
        var count = 0.0
        var sum = 0.0
        var squares = 0.0
        for y in Swift.stride(from: 0, to: frame.height, by: 8) {
            for x in Swift.stride(from: 0, to: frame.width, by: 8) {
                let value = Double(luma[y * stride + x])
                count += 1
                sum += value
                squares += value * value
            }
        }
        let mean = sum / max(1, count)
        return max(0, squares / max(1, count) - mean * mean).squareRoot()
    }
}
