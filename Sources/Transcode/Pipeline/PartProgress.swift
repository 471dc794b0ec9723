// SPDX-License-Identifier: Apache-2.0

import HLS

/// How far the pictures of a part are, weighted by the pixels of each rung. Belongs to the reader's thread.
struct PartProgress {
    /// Told once in so many output frames.
    private static let intervalFrames = 8

    private let expected: [String: Int]
    private let weights: [String: Double]
    private var doneBefore: [String: Int] = [:]
    private var calls = 0

    /// `expected` are the frames that each rung will have.
    init(_ expected: [(rung: Rung, frames: Int)]) {
        self.expected = Dictionary(uniqueKeysWithValues: expected.map { ($0.rung.name, max(1, $0.frames)) })
        weights = Dictionary(
            uniqueKeysWithValues: expected.map { ($0.rung.name, Double($0.rung.size.width * $0.rung.size.height)) })
    }

    /// A pass is over; the counts of the next begin at 0.
    mutating func addPass(_ encoded: [(rung: Rung, frames: Int)]) {
        for (rung, frames) in encoded { doneBefore[rung.name, default: 0] += frames }
    }

    /// Announces the state now and then, never 100 %.
    mutating func tell(_ cascade: RungCascade, _ announce: (ChildMessage) -> Void) {
        calls += 1
        guard calls % Self.intervalFrames == 0 else { return }
        var done = doneBefore
        for (rung, frames) in cascade.framesEncoded { done[rung.name, default: 0] += frames }
        let percents = expected.reduce(into: [String: Double]()) { percents, entry in
            percents[entry.key] = min(99, Double(done[entry.key] ?? 0) / Double(entry.value) * 100)
        }
        let weight = weights.values.reduce(0, +)
        announce(.rungs(percents))
        announce(.progress(percents.reduce(0) { $0 + $1.value * (weights[$1.key] ?? 0) / weight }))
    }
}
