// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

@Suite struct CodecFactsTests {
    /// Written by x264 for 1920x1080, High profile, level 4.0, BT.709, 25 frames a second.
    @Test func aSetOfAnEncoderIsRead() throws {
        let unit: [UInt8] = [
            0x67, 0x64, 0x00, 0x28, 0xAC, 0xD9, 0x40, 0x78, 0x02, 0x27, 0xE5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00,
            0x00, 0x03, 0x00, 0xC8, 0x3C, 0x60, 0xC6, 0x58,
        ]
        let set = try #require(SequenceParameterSet(unit))
        #expect(set.profile == 100 && set.level == 40 && set.width == 1920 && set.height == 1080)
        #expect(set.referenceFrames == 4 && !set.isInterlaced && set.bitDepth == 8)
        #expect(set.widthInMacroblocks == 120 && set.heightInMacroblocks == 68)
        #expect(H264Level.lowest(set, framesPerSecond: 25, bitsPerSecond: 5_000_000) == 40)
        #expect(H264Level.lowest(set, framesPerSecond: 60, bitsPerSecond: 5_000_000) == 42)
        #expect(H264Level.lowest(set, framesPerSecond: 25, bitsPerSecond: 40_000_000) == 41)
        for count in 0..<unit.count - 8 { _ = SequenceParameterSet(Array(unit.prefix(count))) }
        #expect(SequenceParameterSet(Array(unit.prefix(8))) == nil)
    }

    @Test func sizesAreReadFromAllKindsOfSets() throws {
        for size in [(416, 234), (640, 360), (2, 2), (1918, 1080), (4096, 2304)] {
            for profile in [66, 77, 100, 110] {
                for isInterlaced in [false, true] where size.1 % 4 == 0 || !isInterlaced {
                    var sps = TestSPS(width: size.0, height: size.1, profile: profile)
                    sps.isInterlaced = isInterlaced
                    sps.pixelAspect = (4, 3)
                    let set = try #require(SequenceParameterSet(sps.unit))
                    #expect(set.width == size.0 && set.height == size.1, "\(size) \(profile) \(isInterlaced)")
                    #expect(set.pixelAspect == PictureSize(width: 4, height: 3))
                    #expect(set.colour == ColourDescription(primaries: 1, transfer: 1, matrix: 1))
                }
            }
        }
    }

    /// ISO/IEC 14496-15 annex E.3 has this example: Main profile, Main tier, level 3.1, progressive frames only.
    @Test func theNameOfHEVCIsThatOfTheStandard() {
        var record: [UInt8] = [1, 0x01, 0x60, 0, 0, 0, 0xB0, 0, 0, 0, 0, 0, 93]
        record += [UInt8](repeating: 0, count: 8) + [3, 0]
        #expect(HEVCConfiguration(record)?.codec(entry: "hvc1") == "hvc1.1.6.L93.B0")
        #expect(HEVCConfiguration(record)?.lengthBytes == 4)
        #expect(HEVCConfiguration(Array(record.dropLast())) == nil)
    }

    @Test func soundIsReadFromItsConfiguration() throws {
        let low = try #require(AudioConfiguration(specific: [0x11, 0x90]))
        #expect(low.objectType == 2 && low.samplesPerSecond == 48_000 && low.channels == 2 && low.isAAC)
        let high = try #require(AudioConfiguration(specific: [0x2B, 0x11, 0x88, 0]))
        #expect(high.isHighEfficiency && high.samplesPerSecond == 24_000 && high.channels == 2)
        #expect(AudioConfiguration(specific: [0x11]) == nil && AudioConfiguration(specific: []) == nil)
    }

    @Test func cuesAndTheirMapAreRead() {
        let text =
            "WEBVTT - title\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:01.500\n\nid\n"
            + "01:00:02.000 --> 01:00:03.500 align:start\nHello\n\n00:05.000 --> 00:04.000\nback\n"
        let segment = WebVTTSegment(Array(text.utf8))
        #expect(segment.hasHeader && segment.timestampMap?.shiftSeconds == 8.5)
        #expect(segment.cues.map(\.startSeconds) == [3602] && segment.cues.map(\.endSeconds) == [3603.5])
        #expect(segment.malformedLines == [8])
        #expect(!WebVTTSegment(Array("WEBVTTX\n".utf8)).hasHeader)
        #expect(WebVTTSegment(Array("WEBVTT\n\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00.000\n".utf8)).timestampMap == nil)
    }
}
