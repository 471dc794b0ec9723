// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Makes a silent clip of a few seconds from moments all over the video, for lists of videos.
///
/// MP4 with H.264: every browser plays it in a muted `video` element, at a tenth of the size of an animated
/// picture of the same quality.
final class PreviewMaker {
    static let fileName = "preview.mp4"
    private static let framesPerSecondMax = 15.0
    private static let widthMax = 320
    private static let sceneSeconds = 1.0
    private static let scenes = 4
    private static let bitsPerSecondMax = 300_000

    private let path: String
    private let sourceSize: PictureSize
    private let size: PictureSize
    private let rate: FrameRate
    /// Every so many frames of the output one is taken.
    private let step: Int
    /// The output frames that are looked at, in order and apart from each other.
    let ranges: [Range<Int>]
    private var scaler: FilterGraph?
    private var encoder: Encoder?
    private var muxer: FileMuxer?
    private var frames = 0

    /// `size` is that of the pictures that will come; `declaredSeconds` 0 when it is not known.
    init(size: PictureSize, frameRate: FrameRate, declaredSeconds: Double, folder: String) {
        path = "\(folder)/\(Self.fileName)"
        sourceSize = size
        step = max(1, Int((frameRate.value / Self.framesPerSecondMax).rounded(.up)))
        rate = FrameRate(numerator: frameRate.numerator, denominator: frameRate.denominator * step)
        let scale = min(1, Double(Self.widthMax) / Double(max(size.width, size.height)))
        func even(_ length: Int) -> Int { max(2, Int((Double(length) * scale / 2).rounded()) * 2) }
        self.size = PictureSize(width: even(size.width), height: even(size.height))
        ranges = Self.ranges(frameRate: frameRate, declaredSeconds: declaredSeconds)
    }

    /// Scenes of a second in the middle of each quarter; the beginning of a video that is short or does not tell
    /// its length.
    static func ranges(frameRate: FrameRate, declaredSeconds: Double) -> [Range<Int>] {
        func frame(_ seconds: Double) -> Int { Int((seconds * frameRate.value).rounded()) }
        let all = Double(scenes) * sceneSeconds
        guard declaredSeconds > 2 * all else { return [0..<max(1, frame(all))] }
        return (0..<scenes).map { scene in
            let start = frame(declaredSeconds * (Double(scene) + 0.5) / Double(scenes))
            return start..<start + max(1, frame(sceneSeconds))
        }
    }

    /// Looks at output frame `number`, a 4:2:0 picture.
    func consider(_ frame: Frame, number: Int) throws(MediaError) {
        guard let range = ranges.first(where: { $0.contains(number) }),
            (number - range.lowerBound).isMultiple(of: step)
        else { return }
        try encode(frame)
    }

    /// Stores the clip; false when no frame came.
    func finish() throws(MediaError) -> Bool {
        guard let encoder, let muxer else { return false }
        try encoder.encode(nil) { (packet) throws(MediaError) in try muxer.write(packet) }
        try writeFile(path, try muxer.finish())
        return true
    }

    private func encode(_ frame: Frame) throws(MediaError) {
        if encoder == nil {
            let made = try makeEncoder()
            encoder = made
            muxer = try FileMuxer(encoder: made)
            scaler = try makeScaler()
        }
        guard let encoder, let muxer, let scaler else { return }
        try scaler.push(frame)
        guard let small = try scaler.pull() else { throw MediaError.failed("a small picture was not scaled") }
        small.pointer.pointee.pts = Int64(frames)
        small.pointer.pointee.pict_type = AV_PICTURE_TYPE_NONE
        frames += 1
        try encoder.encode(small) { (packet) throws(MediaError) in try muxer.write(packet) }
    }

    private func makeEncoder() throws(MediaError) -> Encoder {
        try Encoder(
            video: VideoSettings(
                size: size, frameRate: rate, gopFrames: max(1, Int((2 * rate.value).rounded())),
                bitsPerSecondMax: Self.bitsPerSecondMax, preset: "veryfast", threads: 1, color: ColorDescription()))
    }

    private func makeScaler() throws(MediaError) -> FilterGraph {
        try FilterGraph(
            .video,
            input: "video_size=\(sourceSize):pix_fmt=\(AV_PIX_FMT_YUV420P.rawValue):time_base=1/1:pixel_aspect=1/1",
            chain: "scale=\(size.width):\(size.height):flags=bicubic,setsar=1,format=yuv420p")
    }
}
