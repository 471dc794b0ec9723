// SPDX-License-Identifier: Apache-2.0

import HLS

/// All pictures that stand for a video: poster, sprites and preview, made from its frames.
///
/// Used by one thread. It looks at the frames by their numbers alone, so it does not matter whether they come from
/// the pass that encodes or are read for it alone.
final class PictureSet {
    private let folder: String
    private var poster: PosterPicker
    private let sprites: SpriteSheets
    private let preview: PreviewMaker

    /// The pictures that will come have the size of the largest rung; `folder` (which must exist) is where the files go.
    init(_ source: MediaSource, folder: String) {
        let size = source.topSize
        let frameRate = source.cuts.frameRate
        let declaredSeconds = source.declaredSeconds
        self.folder = folder
        poster = PosterPicker(frameRate: frameRate)
        sprites = SpriteSheets(
            size: size, frameRate: frameRate, declaredSeconds: declaredSeconds, folder: folder)
        preview = PreviewMaker(size: size, frameRate: frameRate, declaredSeconds: declaredSeconds, folder: folder)
    }

    /// The frames of a video of about `frames` frames that `consider` must see, by their lower bounds rising.
    func wanted(frames: Int) -> [Range<Int>] {
        (poster.wanted(frames: frames) + sprites.wanted(frames: frames) + preview.ranges)
            .sorted { $0.lowerBound < $1.lowerBound }
    }

    /// Looks at output frame `number`, a 4:2:0 picture. Numbers rise; only those that are wanted must come.
    func consider(_ frame: Frame, number: Int) throws(MediaError) {
        poster.consider(frame, number: number)
        try sprites.consider(frame, number: number)
        try preview.consider(frame, number: number)
    }

    /// Stores the files of a video of `frames` frames, and gives their names.
    func finish(frames: Int) throws(MediaError) -> [String] {
        guard try poster.write(to: "\(folder)/\(PosterPicker.fileName)") else {
            throw MediaError.failed("no picture for the poster")
        }
        try sprites.finish(frames: frames)
        // A file that declares far more than it has may have none of the moments.
        let hasPreview = try preview.finish()
        return [PosterPicker.fileName] + sprites.names + (hasPreview ? [PreviewMaker.fileName] : [])
    }
}
