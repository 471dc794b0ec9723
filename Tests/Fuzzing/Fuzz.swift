// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A small seeded generator (SplitMix64, Steele et al. 2014), so that every run with the same seed is the same.
public struct FuzzRandom: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    public mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// `bytes` cut into pieces at random places; empty ones are left out.
    public mutating func pieces(of bytes: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + (number(0...2) == 0 ? 1 : number(1...max(1, bytes.count))))
            pieces.append(Array(bytes[start..<end]))
            start = end
        }
        return pieces
    }
}

/// Makes damaged inputs from good ones and looks for one that breaks a property.
///
/// The seed is fixed in the normal test run, which therefore never differs; FUZZ_SEED and FUZZ_ITERATIONS in the
/// environment look further. A trap ends the process without a word: the same seed finds it again.
public struct Fuzzer {
    private let corpus: [[UInt8]]
    /// Pieces that mean something in this format, put in now and then.
    private let words: [[UInt8]]

    public init(corpus: [[UInt8]], words: [String] = []) {
        precondition(!corpus.isEmpty)
        self.corpus = corpus
        self.words = words.map { Array($0.utf8) }
    }

    /// Calls `check` with damaged inputs, the corpus itself first. Returns nil when it always did, or what it said of the
    /// first input that it did not like, with the seed and that input.
    public func run(
        iterations: Int, _ check: (_ input: [UInt8], _ random: inout FuzzRandom) throws -> String?
    ) rethrows -> String? {
        let environment = Environment()
        var random = FuzzRandom(seed: environment.seed)
        for iteration in 0..<(environment.iterations ?? iterations) {
            let input = iteration < corpus.count ? corpus[iteration] : damaged(using: &random)
            if let problem = try check(input, &random) {
                return "\(problem) (FUZZ_SEED=\(environment.seed), iteration \(iteration)): \(Self.escaped(input))"
            }
        }
        return nil
    }

    /// One of the corpus with a few bytes or words replaced, removed, inserted, repeated, taken from another, or cut off.
    private func damaged(using random: inout FuzzRandom) -> [UInt8] {
        var bytes = corpus[random.number(0...corpus.count - 1)]
        for _ in 0..<random.number(1...5) where !bytes.isEmpty {
            let at = random.number(0...bytes.count - 1)
            switch random.number(0...8) {
            case 0: bytes[at] = UInt8(random.number(0...255))
            case 1: bytes[at] ^= 1 << UInt8(random.number(0...7))
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + random.number(1...4)))
            case 3: bytes.insert(UInt8(random.number(0...255)), at: at)
            case 4, 5: insertWord(into: &bytes, at: at, using: &random)
            case 6:
                let piece = bytes[at..<min(bytes.count, at + random.number(1...40))]
                for _ in 0..<random.number(1...3) { bytes.insert(contentsOf: piece, at: at) }
            case 7:
                let other = corpus[random.number(0...corpus.count - 1)]
                bytes = Array(bytes[..<at]) + other[min(other.count, random.number(0...max(0, other.count)))...]
            default: if random.number(0...9) == 0 { bytes.removeLast(bytes.count - at) }
            }
        }
        return bytes
    }

    private func insertWord(into bytes: inout [UInt8], at position: Int, using random: inout FuzzRandom) {
        guard !words.isEmpty else { return }
        let word = words[random.number(0...words.count - 1)]
        if random.number(0...1) == 0 {
            bytes.insert(contentsOf: word, at: position)
        } else {
            bytes.replaceSubrange(position..<min(bytes.count, position + word.count), with: word)
        }
    }

    private static func escaped(_ bytes: [UInt8]) -> String {
        bytes.prefix(2000).map { byte in
            switch byte {
            case 0x5C: "\\\\"
            case 0x20...0x7E: String(UnicodeScalar(byte))
            default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }.joined()
    }
}

/// What a longer run is told.
private struct Environment {
    let seed: UInt64
    let iterations: Int?

    init() {
        seed = Self.number("FUZZ_SEED").map { UInt64($0) } ?? 1
        iterations = Self.number("FUZZ_ITERATIONS")
    }

    private static func number(_ name: String) -> Int? {
        guard let value = getenv(name) else { return nil }
        return Int(String(cString: value)).flatMap { $0 > 0 ? $0 : nil }
    }
}
