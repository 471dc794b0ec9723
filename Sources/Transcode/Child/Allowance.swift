// SPDX-License-Identifier: Apache-2.0

/// How much of something a file may ask for before it is given up: packets that bring nothing, changes of form.
///
/// A file of a few megabytes can hold millions of either. Pure: it counts what it is told.
struct Allowance {
    private let most: Int
    private let sentence: String
    private var used = 0
    private var mark = 0

    /// More than `most` is refused with `sentence`, for the uploader.
    init(most: Int, sentence: String) {
        self.most = most
        self.sentence = sentence
    }

    /// Packets in a row of which no picture and no sound could be decoded: an hour of 25 fps.
    static var idlePackets: Allowance {
        Allowance(
            most: 100_000,
            sentence:
                "The file is damaged: too much of it in a row holds neither pictures nor sound that can be decoded.")
    }

    /// Changes of the size or kind of the pictures, or of the sound. A call over a bad network makes some hundreds.
    static var changes: Allowance {
        Allowance(
            most: 1000, sentence: "The file can not be used: the form of its pictures or sound changes too often.")
    }

    /// How long the pictures of a file of `bytes` may go on, in seconds. Wrong times in a small file would otherwise
    /// be filled up with a day of the same picture.
    static func seconds(bytes: Int64) -> Double { min(SourceInfo.durationSecondsMax, 300 + Double(bytes) / 100) }

    /// Uses one.
    mutating func use() throws(MediaError) {
        used += 1
        guard used <= most else { throw MediaError.unusable(sentence) }
    }

    /// Uses one, and gives all back when `progress` differs from the last time.
    mutating func use(progress: Int) throws(MediaError) {
        if progress != mark { used = 0 }
        mark = progress
        try use()
    }
}
