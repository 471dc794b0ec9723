// SPDX-License-Identifier: Apache-2.0

/// Which slices of an object there are: one bit each.
struct SliceSet: Sendable, Equatable {
    /// The slices of the whole object.
    let count: Int
    private(set) var words: [UInt64]

    init(count: Int) {
        self.count = count
        words = [UInt64](repeating: 0, count: Self.wordCount(count))
    }

    /// From the words of a stored set; bits behind the last slice are dropped.
    init(count: Int, words: [UInt64]) {
        precondition(words.count == Self.wordCount(count))
        self.count = count
        self.words = words
        if count & 63 != 0 { self.words[words.count - 1] &= (1 << UInt64(count & 63)) - 1 }
    }

    static func wordCount(_ count: Int) -> Int { (count + 63) / 64 }

    func contains(_ index: Int) -> Bool {
        index >= 0 && index < count && words[index >> 6] >> UInt64(index & 63) & 1 == 1
    }

    mutating func insert(_ index: Int) {
        precondition(index >= 0 && index < count)
        words[index >> 6] |= 1 << UInt64(index & 63)
    }

    /// How many slices there are.
    var presentCount: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    var isComplete: Bool { presentCount == count }
}
