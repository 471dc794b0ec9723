// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

@Suite struct MP4BoxTests {
    static func number(_ value: Int, bytes: Int) -> [UInt8] {
        (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    static func box(_ type: String, _ body: [UInt8]) -> [UInt8] {
        number(8 + body.count, bytes: 4) + Array(type.utf8) + body
    }

    static let avcC: [UInt8] = [1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 0]

    static var initialization: [UInt8] {
        let entry = box("avc1", [UInt8](repeating: 0, count: 78) + box("pasp", [0, 0]) + box("avcC", avcC))
        let table = box("stbl", box("stsd", [0, 0, 0, 0, 0, 0, 0, 1] + entry))
        return box("ftyp", Array("cmfc".utf8))
            + box("moov", box("mvhd", []) + box("trak", box("mdia", box("minf", table))))
    }

    static func fragment(decodeTime: [UInt8]) -> [UInt8] {
        box("styp", []) + box("moof", box("mfhd", [0, 0]) + box("traf", box("tfdt", decodeTime))) + box("mdat", [7, 7])
    }

    @Test func boxesAreFoundInOrderWithTheirBodies() {
        let bytes = Self.box("ftyp", [1, 2, 3]) + Self.box("free", [])
        #expect(mp4Boxes(in: bytes) == [MP4Box(type: "ftyp", body: 8..<11), MP4Box(type: "free", body: 19..<19)])
        #expect(mp4Boxes(in: []) == [])
    }

    @Test func largeSizesAndSizesToTheEndAreUnderstood() {
        let large = Self.number(1, bytes: 4) + Array("mdat".utf8) + Self.number(18, bytes: 8) + [9, 9]
        #expect(mp4Boxes(in: large) == [MP4Box(type: "mdat", body: 16..<18)])
        let open = Self.number(0, bytes: 4) + Array("mdat".utf8) + [9, 9, 9]
        #expect(mp4Boxes(in: open) == [MP4Box(type: "mdat", body: 8..<11)])
    }

    @Test func hostileSizesAreRefused() {
        func box(size: [UInt8], rest: [UInt8] = []) -> [UInt8] { size + Array("mdat".utf8) + rest }
        #expect(mp4Boxes(in: [0, 0, 0]) == nil)
        #expect(mp4Boxes(in: box(size: [0, 0, 0, 7])) == nil)
        #expect(mp4Boxes(in: box(size: [0, 0, 0, 9])) == nil)
        #expect(mp4Boxes(in: box(size: [0xFF, 0xFF, 0xFF, 0xFF])) == nil)
        #expect(mp4Boxes(in: box(size: [0, 0, 0, 1])) == nil)
        #expect(mp4Boxes(in: box(size: [0, 0, 0, 1], rest: Self.number(15, bytes: 8))) == nil)
        #expect(mp4Boxes(in: box(size: [0, 0, 0, 1], rest: [UInt8](repeating: 0xFF, count: 8))) == nil)
        #expect(mp4Boxes(in: box(size: [0, 0, 0, 1], rest: Self.number(.max, bytes: 8))) == nil)
        let many = [[UInt8]](repeating: Self.box("free", []), count: 10_001).flatMap(\.self)
        #expect(mp4Boxes(in: many) == nil)
        #expect(mp4Boxes(in: Array(many.dropLast(8)))?.count == 10_000)
        #expect(mp4Boxes(in: Self.box("free", []), range: 0..<9) == nil)
    }

    @Test func theDecodeTimeIsReadInBothVersions() {
        #expect(mp4FragmentDecodeTime(Self.fragment(decodeTime: [0, 0, 0, 0, 0, 1, 0, 2])) == 65538)
        let long: [UInt8] = [1, 0, 0, 0] + Self.number(1 << 40, bytes: 8)
        #expect(mp4FragmentDecodeTime(Self.fragment(decodeTime: long)) == 1 << 40)
    }

    @Test func aDecodeTimeThatDoesNotFitIsNone() {
        #expect(mp4FragmentDecodeTime(Self.fragment(decodeTime: [0, 0, 0, 0, 0, 1, 0])) == nil)
        // Version 1 with the bytes of version 0 would read on in the next box.
        #expect(mp4FragmentDecodeTime(Self.fragment(decodeTime: [1, 0, 0, 0, 0, 1, 0, 2])) == nil)
        let beyond: [UInt8] = [1, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 8)
        #expect(mp4FragmentDecodeTime(Self.fragment(decodeTime: beyond)) == nil)
        #expect(mp4FragmentDecodeTime(Self.initialization) == nil)
        #expect(mp4FragmentDecodeTime([]) == nil)
    }

    @Test func theDecoderConfigurationIsFoundBehindTheSampleEntrysFields() {
        #expect(mp4AVCConfiguration(Self.initialization) == Self.avcC)
        #expect(avcCodecs(decoderConfiguration: Self.avcC) == "avc1.64001f")
        #expect(mp4AVCConfiguration(Self.fragment(decodeTime: [])) == nil)
        #expect(mp4AVCConfiguration([]) == nil)
    }

    @Test func mutationsDoNotTrap() {
        var random = SplitMix64(seed: 3)
        let long: [UInt8] = [1, 0, 0, 0] + Self.number(90_000, bytes: 8)
        let original = Self.initialization + Self.fragment(decodeTime: long)
        var found = 0
        for _ in 0..<10_000 {
            let bytes = random.mutation(of: original, hints: [0, 1, 0x7F, 0x80, 0xFF])
            for box in mp4Boxes(in: bytes) ?? [] {
                #expect(box.body.upperBound <= bytes.count)
            }
            if mp4AVCConfiguration(bytes) != nil { found += 1 }
            _ = mp4FragmentDecodeTime(bytes)
        }
        // Some survive: the loop reaches the inner boxes.
        #expect(found > 500, "\(found)")
    }
}
