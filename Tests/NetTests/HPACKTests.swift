// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

/// A small generator of the same numbers for the same seed.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

private func decode(_ decoder: HuffmanDecoder, _ encoded: [UInt8]) -> [UInt8]? {
    encoded.withUnsafeBytes { bytes in decoder.decode(bytes).map { Array($0.text) } }
}

private func decodeAlone(_ encoded: [UInt8]) -> [UInt8]? {
    var decoded = [UInt8](repeating: 0, count: encoded.count * 8 / 5)
    let count = decoded.withUnsafeMutableBytes { place in
        place.baseAddress.flatMap { start in encoded.withUnsafeBytes { HuffmanTable.shared.decode($0, into: start) } }
    }
    return count.map { Array(decoded[..<$0]) }
}

@Suite struct HuffmanTests {
    /// RFC 7541 appendix C.4 and C.6.
    @Test(
        arguments: [
            ("www.example.com", [0xF1, 0xE3, 0xC2, 0xE5, 0xF2, 0x3A, 0x6B, 0xA0, 0xAB, 0x90, 0xF4, 0xFF]),
            ("no-cache", [0xA8, 0xEB, 0x10, 0x64, 0x9C, 0xBF]),
            ("custom-value", [0x25, 0xA8, 0x49, 0xE9, 0x5B, 0xB8, 0xE8, 0xB4, 0xBF]),
            ("private", [0xAE, 0xC3, 0x77, 0x1A, 0x4B]),
        ] as [(String, [UInt8])])
    func theExamplesOfTheStandard(text: String, encoded: [UInt8]) {
        #expect(HuffmanCode.encode(text.utf8) == encoded)
        #expect(HuffmanCode.encodedCount(text.utf8) == encoded.count)
        #expect(decode(HuffmanDecoder(), encoded) == Array(text.utf8))
        #expect(decodeAlone(encoded) == Array(text.utf8))
    }

    @Test func everyByteValueComesBack() {
        let all = (0...255).map { UInt8($0) }
        #expect(decode(HuffmanDecoder(), HuffmanCode.encode(all)) == all)
    }

    /// What one decoder remembers must never show in what it returns.
    @Test func stringsWithCommonBeginningsDecodeAsIfAlone() {
        var random = SeededGenerator(state: 7)
        let decoder = HuffmanDecoder()
        var text: [UInt8] = []
        for _ in 0..<3000 {
            text = Array(text.prefix(Int.random(in: 0...text.count, using: &random)))
            let alphabet =
                Bool.random(using: &random) ? Array("0123456789abcdef~/=.".utf8) : (0...255).map { UInt8($0) }
            for _ in 0..<Int.random(in: 0...60, using: &random) where text.count < 300 {
                text.append(alphabet.randomElement(using: &random)!)
            }
            #expect(decode(decoder, HuffmanCode.encode(text)) == text)
            // A broken string in between is refused and forgotten.
            var broken = HuffmanCode.encode(text)
            if Bool.random(using: &random), !broken.isEmpty {
                broken[Int.random(in: 0..<broken.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
                let alone = decode(HuffmanDecoder(), broken)
                #expect(decode(decoder, broken) == alone)
                #expect(decodeAlone(broken) == alone)
            }
        }
    }

    @Test(
        arguments: [
            // Eight bits of padding, padding of zeros, the end-of-string symbol alone and in the middle.
            [0x1F, 0xFF] + [0xFF], [0x18], [0xFF, 0xFF, 0xFF, 0xFF], [0x1F, 0xFF, 0xFF, 0xFF, 0xF8, 0xFF],
        ] as [[UInt8]])
    func whatIsNotOfTheCodeIsRefused(encoded: [UInt8]) {
        #expect(decode(HuffmanDecoder(), encoded) == nil)
        #expect(decodeAlone(encoded) == nil)
    }

    @Test func aStringOverTheLimitIsLeftAlone() {
        let longest = [UInt8](repeating: UInt8(ascii: "0"), count: HuffmanDecoder.decodedBytesMax)
        #expect(HuffmanCode.encodedCount(longest) == HuffmanDecoder.encodedBytesMax)
        #expect(decode(HuffmanDecoder(), HuffmanCode.encode(longest)) == longest)
        #expect(decode(HuffmanDecoder(), HuffmanCode.encode(longest + longest.prefix(2))) == nil)
    }
}
