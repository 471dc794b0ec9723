// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Small pictures at even steps in time, many to a sheet, with a WebVTT index: what a player shows over its time bar.
///
/// `sprite.vtt` has a cue for each picture, whose text is the sheet and the place in it as a media fragment
/// (`sprite-0.jpg#xywh=160,0,160,90`; W3C Media Fragments URI section 4.2.2).
final class SpriteSheets {
    static let indexName = "sprite.vtt"
    private static let columns = 8
    private static let rows = 8
    private static let tileLong = 160
    /// A video of a broken declared length ends its pictures here; the last one stands for the rest.
    private static let tilesMax = 10_000

    private let folder: String
    private let frameRate: FrameRate
    private let interval: Int
    private let tile: PictureSize
    private let sourceSize: PictureSize
    private var scaler: FilterGraph?
    private var sheet: PictureCanvas?
    private var tiles = 0
    private(set) var names: [String] = []

    /// `size` is that of the pictures that will come; `declaredSeconds` 0 when it is not known.
    init(size: PictureSize, frameRate: FrameRate, declaredSeconds: Double, folder: String) {
        self.folder = folder
        self.frameRate = frameRate
        sourceSize = size
        interval = max(1, Int((Self.intervalSeconds(declaredSeconds) * frameRate.value).rounded()))
        let scale = Double(Self.tileLong) / Double(max(size.width, size.height))
        func even(_ length: Int) -> Int { max(2, Int((Double(length) * scale / 2).rounded()) * 2) }
        tile = PictureSize(width: even(size.width), height: even(size.height))
    }

    /// A picture a second for a short clip, every ten for a film: some hundred for any.
    static func intervalSeconds(_ declaredSeconds: Double) -> Double {
        switch declaredSeconds {
        case ...0: 5
        case ..<120: 1
        case ..<600: 2
        case ..<3600: 5
        default: 10
        }
    }

    /// The frames that are looked at.
    func wanted(frames: Int) -> [Range<Int>] {
        stride(from: 0, to: frames, by: interval).prefix(Self.tilesMax).map { $0..<$0 + 1 }
    }

    /// Looks at output frame `number`, a 4:2:0 picture.
    func consider(_ frame: Frame, number: Int) throws(MediaError) {
        guard number == tiles * interval, tiles < Self.tilesMax else { return }
        if scaler == nil { scaler = try makeScaler() }
        if sheet == nil {
            sheet = try PictureCanvas(
                size: PictureSize(width: tile.width * Self.columns, height: tile.height * Self.rows))
        }
        guard let scaler, let sheet else { return }
        try scaler.push(frame)
        guard let small = try scaler.pull() else { throw MediaError.failed("a small picture was not scaled") }
        let (x, y) = place(tiles)
        sheet.put(small, x: x, y: y)
        tiles += 1
        if tiles % (Self.columns * Self.rows) == 0 { try writeSheet() }
    }

    /// Stores the last sheet and the index of a video of `frames` frames; `names` has all files then.
    func finish(frames: Int) throws(MediaError) {
        if sheet != nil { try writeSheet() }
        var text = "WEBVTT\n"
        for number in 0..<tiles {
            let (x, y) = place(number)
            let end = number + 1 == tiles ? frames : (number + 1) * interval
            text += "\n\(WebVTT.timing(milliseconds(number * interval), milliseconds(end)))\n"
            text += "\(Self.sheetName(number))#xywh=\(x),\(y),\(tile.width),\(tile.height)\n"
        }
        try writeFile("\(folder)/\(Self.indexName)", Array(text.utf8))
        names.append(Self.indexName)
    }

    private func makeScaler() throws(MediaError) -> FilterGraph {
        try FilterGraph(
            .video,
            input: "video_size=\(sourceSize):pix_fmt=\(AV_PIX_FMT_YUV420P.rawValue):time_base=1/1:pixel_aspect=1/1",
            chain: "scale=\(tile.width):\(tile.height):flags=area:in_range=tv:out_range=pc,format=yuvj420p")
    }

    private static func sheetName(_ tile: Int) -> String { "sprite-\(tile / (columns * rows)).jpg" }

    private func place(_ number: Int) -> (x: Int, y: Int) {
        let inSheet = number % (Self.columns * Self.rows)
        return (inSheet % Self.columns * tile.width, inSheet / Self.columns * tile.height)
    }

    private func writeSheet() throws(MediaError) {
        guard let sheet, tiles > 0 else { return }
        let used = (tiles - 1) % (Self.columns * Self.rows) / Self.columns + 1
        let name = Self.sheetName(tiles - 1)
        try writeFile("\(folder)/\(name)", try sheet.jpeg(height: used * tile.height))
        names.append(name)
        self.sheet = nil
    }

    private func milliseconds(_ frames: Int) -> Int { Int((frameRate.seconds(frames: frames) * 1000).rounded()) }
}
