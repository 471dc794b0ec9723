// SPDX-License-Identifier: Apache-2.0

/// Damage to a file, by chance and repeatable: what bad disks, bad programs and attackers do.
struct Mutation {
    private var random: SplitMix64

    /// The same seed gives the same damage to the same file.
    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
    }

    /// A damaged copy of `bytes`, which are some hundreds at least.
    mutating func of(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...6, using: &random) { change(&bytes) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        guard bytes.count > 64 else { return }
        switch Int.random(in: 0..<9, using: &random) {
        case 0, 1:
            for _ in 0..<Int.random(in: 1...16, using: &random) {
                bytes[place(bytes)] ^= 1 << UInt8.random(in: 0...7, using: &random)
            }
        case 2, 3:
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[place(bytes)] = .random(in: 0...255, using: &random)
            }
        case 4:
            // A length or a count that is the smallest, the largest, or about to overflow.
            let extremes: [[UInt8]] = [
                [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0x7F, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0], [0, 0, 0, 1],
                [0, 0xFF, 0xFF, 0xFF], [1, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0x7F],
            ]
            let at = min(place(bytes), bytes.count - 4)
            bytes.replaceSubrange(at..<at + 4, with: extremes.randomElement(using: &random) ?? [])
        case 5: bytes.removeSubrange(range(bytes))
        case 6:
            let part = bytes[range(bytes)]
            bytes.insert(contentsOf: part, at: place(bytes))
        case 7:
            for index in range(bytes) { bytes[index] = 0 }
        default: bytes.removeLast(Int.random(in: 1...bytes.count / 2, using: &random))
        }
    }

    /// Half of all places lie in the first 2 KiB, where most containers keep what describes the rest.
    private mutating func place(_ bytes: [UInt8]) -> Int {
        let isEarly = Bool.random(using: &random)
        return Int.random(in: 0..<(isEarly ? min(2048, bytes.count) : bytes.count), using: &random)
    }

    private mutating func range(_ bytes: [UInt8]) -> Range<Int> {
        let start = place(bytes)
        return start..<min(bytes.count, start + Int.random(in: 1...256, using: &random))
    }
}
