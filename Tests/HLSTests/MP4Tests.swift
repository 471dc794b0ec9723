// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

@Suite struct MP4Tests {
    private func box(_ type: String, _ body: [UInt8]) -> [UInt8] {
        let size = UInt32(8 + body.count)
        return (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * UInt32($0))) } + Array(type.utf8) + body
    }

    @Test func aFragmentsDecodeTimeIsRead() {
        let short = box("tfdt", [0, 0, 0, 0, 0, 1, 0x20, 0])
        let long = box("tfdt", [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2])
        #expect(mp4FragmentDecodeTime(box("styp", []) + box("moof", box("traf", short))) == 0x12000)
        #expect(mp4FragmentDecodeTime(box("moof", box("mfhd", [0]) + box("traf", long))) == 1 << 32 + 2)
        #expect(mp4FragmentDecodeTime(box("moof", box("traf", box("tfdt", [1, 0, 0, 0, 0, 0, 0, 1])))) == nil)
    }

    @Test(
        arguments: [
            [0, 0, 0, 7, 0x6D, 0x6F, 0x6F, 0x66],
            [0, 0, 0, 9, 0x6D, 0x6F, 0x6F, 0x66],
            [0, 0, 0, 1, 0x6D, 0x6F, 0x6F, 0x66],
            [0, 0, 0, 1, 0x6D, 0x6F, 0x6F, 0x66, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            [0, 0, 0],
        ] as [[UInt8]])
    func wrongSizesAreRefused(bytes: [UInt8]) {
        #expect(mp4Boxes(in: bytes) == nil)
    }

    @Test func codecsAreReadFromTheDecoderConfigurations() {
        #expect(avcCodecs(decoderConfiguration: [1, 0x64, 0, 0x1E, 0xFF, 0xE1, 0]) == "avc1.64001e")
        #expect(avcCodecs(decoderConfiguration: [0, 0, 0, 1, 0x67, 0x64, 0]) == nil)
        #expect(aacCodecs(audioSpecificConfiguration: [0x11, 0x90]) == "mp4a.40.2")
        // Type 31 is the escape: 32 + 6 bits, here xHE-AAC.
        #expect(aacCodecs(audioSpecificConfiguration: [0xF9, 0x40]) == "mp4a.40.42")
        #expect(aacCodecs(audioSpecificConfiguration: []) == nil)
    }
}
