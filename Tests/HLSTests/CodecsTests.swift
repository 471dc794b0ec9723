// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

@Suite struct CodecsTests {
    @Test func h264IsNamedByProfileConstraintsAndLevel() {
        // configurationVersion 1, then AVCProfileIndication, profile_compatibility, AVCLevelIndication.
        #expect(avcCodecs(decoderConfiguration: [1, 0x64, 0x00, 0x1F, 0xFF, 0xE1, 0x00]) == "avc1.64001f")
        #expect(avcCodecs(decoderConfiguration: [1, 0x42, 0xC0, 0x0D, 0xFF, 0xE0, 0x00]) == "avc1.42c00d")
        #expect(avcCodecs(decoderConfiguration: [1, 0x4D, 0x40, 0x28, 0xFF, 0xE1, 0x00, 0x1A]) == "avc1.4d4028")
    }

    @Test func whatIsNoDecoderConfigurationHasNoName() {
        #expect(avcCodecs(decoderConfiguration: []) == nil)
        #expect(avcCodecs(decoderConfiguration: [1, 0x64, 0x00, 0x1F, 0xFF, 0xE1]) == nil)
        #expect(avcCodecs(decoderConfiguration: [2, 0x64, 0x00, 0x1F, 0xFF, 0xE1, 0x00]) == nil)
    }

    @Test func aacIsNamedByItsObjectType() {
        // 00010 0011 0010 000: AAC-LC, 48 kHz, stereo.
        #expect(aacCodecs(audioSpecificConfiguration: [0x11, 0x90]) == "mp4a.40.2")
        // 00101: SBR (HE-AAC).
        #expect(aacCodecs(audioSpecificConfiguration: [0x2B, 0x11, 0x88, 0x00]) == "mp4a.40.5")
        // 11111 001010: the escape 31, then 10: type 42 (xHE-AAC).
        #expect(aacCodecs(audioSpecificConfiguration: [0xF9, 0x40]) == "mp4a.40.42")
    }

    @Test func whatIsNoAudioConfigurationHasNoName() {
        #expect(aacCodecs(audioSpecificConfiguration: []) == nil)
        #expect(aacCodecs(audioSpecificConfiguration: [0x11]) == nil)
        #expect(aacCodecs(audioSpecificConfiguration: [0x07, 0xFF]) == nil)
    }
}
