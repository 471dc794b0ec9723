// SPDX-License-Identifier: Apache-2.0

import HLS

/// What a child may say in numbers and names: all that its parent computes with is bounded.
private enum Bounds {
    static let secondsMax = 7 * 24 * 3600.0
    static let bytesMax = 1 << 40
    static let framesMax = 1 << 40
    static let segmentsMax = 1 << 24
    static let listMax = 100_000

    static func isTime(_ seconds: Double) -> Bool { (0...secondsMax).contains(seconds) }
    static func isSize(_ size: Int) -> Bool { (0...1 << 20).contains(size) }
    static func isName(_ name: String) -> Bool { ChildStream.isName(name) && !name.contains("/") }
}

extension MediaResult {
    /// False for numbers that no transcode gives and that arithmetic on them could not bear.
    var isPlausible: Bool {
        Bounds.isTime(durationSeconds) && Bounds.isSize(width) && Bounds.isSize(height)
            && (0...Bounds.framesMax).contains(firstFrame) && (0...Bounds.framesMax).contains(endFrame)
            && renditions.allSatisfy(\.isPlausible) && pictures.count <= Bounds.listMax
            && pictures.allSatisfy(Bounds.isName)
    }
}

extension RenditionOutput {
    /// The same for a rendition, whose name becomes a path.
    var isPlausible: Bool {
        Bounds.isName(name) && Bounds.isSize(width) && Bounds.isSize(height)
            && (0...1000).contains(framesPerSecond) && (0...1 << 40).contains(bitsPerSecondBound)
            && segments.allSatisfy(\.isPlausible) && (kind != .video || framesPerSecond > 0)
            && (language + title).utf8.count <= 1000
    }
}

extension SegmentFile {
    /// The same for a segment, whose name becomes a path.
    var isPlausible: Bool {
        Bounds.isName(name) && Bounds.isTime(durationSeconds) && (0...Bounds.bytesMax).contains(bytes)
            && (iFrames ?? []).allSatisfy(isInside)
    }

    private func isInside(_ range: IFrameRange) -> Bool {
        (0...bytes).contains(range.offset) && (0...bytes).contains(range.length)
            && (0...Bounds.framesMax).contains(range.frames)
    }
}

extension MediaPlan {
    /// The same for a plan; its chunks must cover all segments once, in their order.
    var isPlausible: Bool {
        guard (1...1_000_000).contains(frameRateNumerator), (1...1_000_000).contains(frameRateDenominator),
            (1...1000).contains(Double(frameRateNumerator) / Double(frameRateDenominator)),
            (1...100_000).contains(gopFrames), (1...100_000).contains(segmentFrames), Bounds.isTime(declaredSeconds),
            (0...Bounds.segmentsMax).contains(headSegments), rungs.count <= 100,
            // Sound alone has no rungs and is one part.
            !rungs.isEmpty || chunks.count == 1 && headSegments == 0,
            rungs.allSatisfy(Bounds.isName), headRungs.allSatisfy(rungs.contains), chunks.count <= Bounds.listMax
        else { return false }
        var next = 0
        for chunk in chunks {
            guard chunk.lowerBound == next, !chunk.isEmpty, chunk.lowerBound <= Bounds.segmentsMax else { return false }
            next = chunk.upperBound
        }
        return next == Int.max
    }
}
