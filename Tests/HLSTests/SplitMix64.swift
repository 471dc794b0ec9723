// SPDX-License-Identifier: Apache-2.0

/// A small seeded generator, so that every run of a random test is the same.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// A copy of `bytes` with a few bytes replaced, removed, inserted, repeated or cut off.
    mutating func mutation(of bytes: [UInt8], hints: [UInt8] = []) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<number(1...6) where !bytes.isEmpty {
            let at = number(0...bytes.count - 1)
            let value =
                hints.isEmpty || number(0...1) == 0 ? UInt8(number(0...255)) : hints[number(0...hints.count - 1)]
            switch number(0...5) {
            case 0: bytes[at] = value
            case 1: bytes.remove(at: at)
            case 2: bytes.insert(value, at: at)
            case 3: bytes[at] ^= 1 << UInt8(number(0...7))
            case 4:
                bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + number(1...40))], at: number(0...bytes.count))
            default: if number(0...9) == 0 { bytes.removeLast(bytes.count - at) }
            }
        }
        return bytes
    }
}
