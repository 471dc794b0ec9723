// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// Which stretches of a video are decoded for pictures from all over it: what lies between two of them is skipped where a
/// key frame allows it.
enum PictureStretches {
    /// Less is not skipped: a decoder begins anew, with some frames that nobody wants.
    private static let skippedSecondsMin = 0.5

    /// The stretches, rising; the first begins with the video, the last has no end.
    ///
    /// `wanted` are the frames that must be seen, by their lower bounds rising. `keyFrame` gives the frame from which on
    /// decoding gives a certain frame; nil where that is not known.
    static func plan(wanted: [Range<Int>], frameRate: FrameRate, keyFrame: (Int) -> Int?) -> [Range<Int>] {
        let skippedMin = Int((skippedSecondsMin * frameRate.value).rounded(.up))
        var starts = [0]
        var ends: [Int] = []
        var end = 0
        for frames in wanted {
            // An index that is out of order may name a key frame behind the wanted one.
            if let key = keyFrame(frames.lowerBound), key >= end + skippedMin, key <= frames.lowerBound,
                frames.lowerBound > 0
            {
                ends.append(end)
                starts.append(frames.lowerBound)
            }
            end = max(end, frames.upperBound)
        }
        return zip(starts, ends + [Int.max]).map { $0..<$1 }
    }
}

extension MediaSource {
    /// The stretches for these frames by the file's index; everything for a file without one. Moves the reading place.
    func stretches(wanted: [Range<Int>]) -> [Range<Int>] {
        let lastKey = seekableSeconds()
        guard lastKey > 0 else { return [0..<Int.max] }
        return PictureStretches.plan(wanted: wanted, frameRate: cuts.frameRate) { number in
            let seconds = cuts.frameRate.seconds(frames: number)
            // Behind the last key frame the video may end sooner than it declares.
            guard seconds <= lastKey else { return nil }
            let index = av_index_search_timestamp(stream, seekTimestamp(frame: number), AVSEEK_FLAG_BACKWARD)
            guard index >= 0, let entry = avformat_index_get_entry(stream, index) else { return nil }
            let key = Double(entry.pointee.timestamp) * av_q2d(timeBase) - startSeconds
            // A damaged index may name any time.
            let frames = (key * cuts.frameRate.value).rounded(.up)
            return abs(frames) < 0x1p53 ? Int(frames) : nil
        }
    }
}
