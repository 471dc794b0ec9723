// SPDX-License-Identifier: Apache-2.0

/// One rung of the ladder: a size and what it may cost.
public struct Rung: Sendable, Equatable {
    /// The class of its height, `480p`: the folder of the rendition.
    public var name: String
    public var size: PictureSize
    /// The bound of the video's rate over a whole segment of 6 s, in bits per second.
    public var videoBitsPerSecondMax: Int

    public init(name: String, size: PictureSize, videoBitsPerSecondMax: Int) {
        self.name = name
        self.size = size
        self.videoBitsPerSecondMax = videoBitsPerSecondMax
    }
}

/// Which rungs a source gets.
///
/// A class is a box that the picture is fitted into with its aspect kept (a box on its side for an upright
/// picture). No rung is larger than the source. A source that nearly fills a box is a rung of that class in
/// its own size. A source of one class only gets a smaller rung beside it. All sizes are even, as 4:2:0
/// sampling needs.
public enum Ladder {
    private struct Class {
        var name: String
        var width: Int
        var height: Int
        var bitsPerSecond: Int
    }

    // The rates of the lowest rungs are those of Apple's HLS authoring specification (rule 1.25).
    private static let classes = [
        Class(name: "240p", width: 416, height: 234, bitsPerSecond: 145_000),
        Class(name: "360p", width: 640, height: 360, bitsPerSecond: 365_000),
        Class(name: "480p", width: 854, height: 480, bitsPerSecond: 800_000),
        Class(name: "720p", width: 1280, height: 720, bitsPerSecond: 2_500_000),
        Class(name: "1080p", width: 1920, height: 1080, bitsPerSecond: 5_000_000),
    ]
    /// Beside the only class of a small source: there must be several rates (Apple's rule 9.9). With its sound it stays
    /// below 192 kb/s (rule 9.21).
    private static let smallest = Class(name: "144p", width: 256, height: 144, bitsPerSecond: 56_000)
    /// The short side of a source below which there is nothing to make smaller.
    private static let shortSideMin = 24
    /// How much larger than the source the next box may be for the source to count as of that class.
    private static let nearlyFills = 1.2

    /// The rungs for a source of `size` (display size: square pixels, after rotation), smallest first; never empty.
    public static func rungs(source: PictureSize) -> [Rung] {
        let isUpright = source.height > source.width
        let wide = isUpright ? PictureSize(width: source.height, height: source.width) : source
        var rungs: [Rung] = []
        for entry in classes {
            let scale = scale(wide, into: entry)
            let isTop = scale >= 1
            // A source smaller than every box is the largest rung of its own small ladder.
            if isTop, scale > nearlyFills, !rungs.isEmpty { break }
            let size = isTop ? even(wide, scale: 1) : fitted(wide, entry, scale: scale)
            rungs.append(rung(entry, size, isUpright: isUpright))
            if isTop { break }
        }
        if rungs.count == 1, wide.height >= shortSideMin {
            let scale = scale(wide, into: smallest)
            let size = even(wide, scale: scale * nearlyFills <= 1 ? scale : 2.0 / 3)
            rungs.insert(rung(smallest, size, isUpright: isUpright), at: 0)
        }
        return rungs
    }

    private static func scale(_ wide: PictureSize, into entry: Class) -> Double {
        min(Double(entry.width) / Double(wide.width), Double(entry.height) / Double(wide.height))
    }

    private static func rung(_ entry: Class, _ size: PictureSize, isUpright: Bool) -> Rung {
        Rung(
            name: entry.name, size: isUpright ? PictureSize(width: size.height, height: size.width) : size,
            videoBitsPerSecondMax: entry.bitsPerSecond)
    }

    private static func fitted(_ source: PictureSize, _ entry: Class, scale: Double) -> PictureSize {
        let aspect = Double(source.width) / Double(source.height)
        // 854x480 is not 16:9; all rungs of a video should have one aspect (Apple's rule 1.33). 832x468 is
        // the largest even size of exactly 16:9 in that box.
        if entry.height == 480, abs(aspect - 16.0 / 9) < 0.001 { return PictureSize(width: 832, height: 468) }
        return even(source, scale: scale)
    }

    /// The nearest even sizes, 2 at least; a full-size rung is never rounded above its source.
    private static func even(_ size: PictureSize, scale: Double) -> PictureSize {
        func even(_ length: Int) -> Int {
            let exact = Double(length) * scale
            return max(2, min(Int((exact / 2).rounded()) * 2, length & ~1))
        }
        return PictureSize(width: even(size.width), height: even(size.height))
    }
}
