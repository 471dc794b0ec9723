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
    encoded.withUnsafeBytes { bytes in decoder.decode(bytes).map { Array($0) } }
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
    }

    @Test func aStringOverTheLimitIsLeftAlone() {
        let longest = [UInt8](repeating: UInt8(ascii: "0"), count: HuffmanDecoder.decodedBytesMax)
        #expect(HuffmanCode.encodedCount(longest) == HuffmanDecoder.encodedBytesMax)
        #expect(decode(HuffmanDecoder(), HuffmanCode.encode(longest)) == longest)
        #expect(decode(HuffmanDecoder(), HuffmanCode.encode(longest + longest.prefix(2))) == nil)
    }
}

@Suite struct HeaderBlockExpanderTests {
    private struct Field {
        /// The first bits: indexed, or a literal of one of the three kinds.
        var pattern: UInt8
        var prefixBits: Int
        /// 0 for a literal with its name.
        var index: Int
        var strings: [[UInt8]]
    }

    private func integer(_ value: Int, prefixBits: Int, pattern: UInt8) -> [UInt8] {
        let prefixMax = 1 << prefixBits - 1
        guard value >= prefixMax else { return [pattern | UInt8(value)] }
        var bytes = [pattern | UInt8(prefixMax)]
        var rest = value - prefixMax
        while rest >= 128 {
            bytes.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private func string(_ text: [UInt8], isCoded: Bool) -> [UInt8] {
        let bytes = isCoded ? HuffmanCode.encode(text) : text
        return integer(bytes.count, prefixBits: 7, pattern: isCoded ? 0x80 : 0) + bytes
    }

    /// A HEADERS frame; long strings are coded where `isCoded`, short ones always.
    private func frame(_ fields: [Field], isCoded: Bool, flags: UInt8 = 0x05) -> [UInt8] {
        var block: [UInt8] = flags & 0x20 != 0 ? [0, 0, 0, 0, 15] : []
        for field in fields {
            block += integer(field.index, prefixBits: field.prefixBits, pattern: field.pattern)
            for text in field.strings {
                let isLong = HuffmanCode.encodedCount(text) >= FieldBlockCursor.stringBytesMin
                block += string(text, isCoded: isLong ? isCoded : true)
            }
        }
        return [
            UInt8(block.count >> 16), UInt8(block.count >> 8 & 255), UInt8(block.count & 255), 1, flags, 0, 0, 0, 1,
        ]
            + block
    }

    private func randomFields(_ random: inout SeededGenerator) -> [Field] {
        (0..<Int.random(in: 1...8, using: &random)).map { _ in
            func text() -> [UInt8] {
                let count = Bool.random(using: &random) ? 10 : 300
                return (0..<Int.random(in: 0...count, using: &random)).map { _ in
                    UInt8.random(in: 0x20...0x7E, using: &random)
                }
            }
            switch Int.random(in: 0..<4, using: &random) {
            case 0: return Field(pattern: 0x80, prefixBits: 7, index: 70, strings: [])
            case 1: return Field(pattern: 0x40, prefixBits: 6, index: 0, strings: [text(), text()])
            case 2: return Field(pattern: 0x10, prefixBits: 4, index: 100, strings: [text()])
            default: return Field(pattern: 0, prefixBits: 4, index: 4, strings: [text()])
            }
        }
    }

    /// All that comes out for an input that arrives in the given pieces.
    private func pass(_ pieces: [[UInt8]]) -> [UInt8] {
        var expander = HeaderBlockExpander()
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: HeaderBlockExpander.frameBytesMax, alignment: 16)
        defer { scratch.deallocate() }
        var out: [UInt8] = []
        for piece in pieces {
            piece.withUnsafeBytes { bytes in
                var rest = bytes
                while !rest.isEmpty {
                    let step = expander.next(rest, scratch: scratch)
                    out += Array(step.bytes)
                    rest = rest.slice(step.used..<rest.count)
                }
            }
        }
        return out
    }

    private let preface = [UInt8](repeating: 0x50, count: 24)
    private let settings: [UInt8] = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]

    @Test func longStringsComeOutPlainAndNothingElseChanges() {
        var random = SeededGenerator(state: 11)
        for _ in 0..<300 {
            let heads = (0..<4).map { _ in randomFields(&random) }
            let flags: UInt8 = Bool.random(using: &random) ? 0x05 : 0x25
            let input = preface + settings + heads.flatMap { frame($0, isCoded: true, flags: flags) } + settings
            let expected = preface + settings + heads.flatMap { frame($0, isCoded: false, flags: flags) } + settings
            #expect(pass([input]) == expected)
        }
    }

    /// A frame that comes in two inputs goes on as it came; what follows it is treated as ever.
    @Test func anySplitKeepsTheFrames() {
        let fields = [
            Field(pattern: 0, prefixBits: 4, index: 4, strings: [Array(repeating: UInt8(ascii: "a"), count: 99)])
        ]
        let coded = frame(fields, isCoded: true)
        let plain = frame(fields, isCoded: false)
        let input = preface + settings + coded + coded
        for split in 1..<input.count {
            let out = pass([Array(input[..<split]), Array(input[split...])])
            let start = preface.count + settings.count
            let isFirstCut = split > start && split < start + coded.count
            let isSecondCut = split > start + coded.count
            let expected = preface + settings + (isFirstCut ? coded : plain) + (isSecondCut ? coded : plain)
            #expect(out == expected, "split at \(split)")
        }
        #expect(pass(input.map { [$0] }) == input)
    }

    @Test(
        arguments: [
            // An unfinished integer, a string beyond the end, a name without a value, a broken code.
            [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0xFF, count: 40),
            [0x04, 0xFF, 0x90, 0x01] + [UInt8](repeating: 0x1C, count: 40),
            [0x00, 0xA8] + [UInt8](repeating: 0x1C, count: 40),
            [0x04, 0xA8] + [UInt8](repeating: 0xFF, count: 40),
        ] as [[UInt8]])
    func aMalformedBlockGoesOnAsItCame(block: [UInt8]) {
        let input = preface + [0, 0, UInt8(block.count), 1, 5, 0, 0, 0, 1] + block + settings
        #expect(pass([input]) == input)
    }

    @Test(arguments: [0x01, 0x0D] as [UInt8])
    func aBlockInPartsOrWithPaddingGoesOnAsItCame(flags: UInt8) {
        let text = Array(repeating: UInt8(ascii: "b"), count: 200)
        let input =
            preface + frame([Field(pattern: 0, prefixBits: 4, index: 4, strings: [text])], isCoded: true, flags: flags)
        #expect(pass([input]) == input)
    }

    @Test func aFrameThatWouldGrowTooLargeGoesOnAsItCame() {
        let text = Array(repeating: UInt8(ascii: "e"), count: 1600)
        let fields = (0..<12).map { _ in Field(pattern: 0, prefixBits: 4, index: 4, strings: [text]) }
        let input = preface + frame(fields, isCoded: true)
        #expect(input.count < 16_384)
        #expect(pass([input]) == input)
    }
}
