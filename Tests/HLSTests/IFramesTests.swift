// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

/// The byte ranges of key frames, and the playlist lines about them. Real segments are in the transcoder's tests.
@Suite struct IFramesTests {
    private func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 0xFF) } }

    private func box(_ type: String, _ body: [UInt8]) -> [UInt8] { number(body.count + 8) + Array(type.utf8) + body }

    /// A fragment of samples of `sizes` bytes; with `flags` of `trun` for the first sample's and each one's fields.
    private func fragment(_ sizes: [Int], ownSizes: Bool = true, firstFlags: Bool = false) -> [UInt8] {
        func moof(offset: Int) -> [UInt8] {
            let flags = 0x1 | (firstFlags ? 0x4 : 0) | (ownSizes ? 0x300 : 0)
            var run = number(flags) + number(sizes.count) + number(offset)
            if firstFlags { run += number(0x2000000) }
            if ownSizes { run += sizes.flatMap { number(512) + number($0) } }
            let header =
                number(ownSizes ? 0x20000 : 0x20018) + number(1) + (ownSizes ? [] : number(512) + number(sizes[0]))
            return box("moof", box("mfhd", number(0) + number(1)) + box("traf", box("tfhd", header) + box("trun", run)))
        }
        let head = moof(offset: moof(offset: 0).count + 8)
        return head + box("mdat", [UInt8](repeating: 7, count: sizes.reduce(0, +)))
    }

    @Test(arguments: [true, false], [true, false]) func eachFragmentsFirstSampleEndsItsRange(own: Bool, flags: Bool) {
        let styp = box("styp", Array("cmfs".utf8) + number(0))
        let first = fragment([100, 20, 30], ownSizes: own, firstFlags: flags)
        let second = fragment([50], ownSizes: own, firstFlags: flags)
        let samples = 150
        let ranges = mp4IFrames(styp + first + second)
        #expect(
            ranges == [
                IFrameRange(offset: styp.count, length: first.count - samples + 100, frames: 3),
                IFrameRange(offset: styp.count + first.count, length: second.count, frames: 1),
            ])
    }

    @Test func whatIsNoFragmentHasNoRanges() {
        let good = fragment([100, 20])
        #expect(mp4IFrames([]) == nil)
        #expect(mp4IFrames(box("mdat", [1, 2, 3])) == nil)
        #expect(mp4IFrames(Array(good.dropLast(40))) == nil)
        // The samples' offset must lead behind the `moof` and stay inside the bytes.
        for offset in [0, 1, 1 << 30] {
            var bytes = good
            let run = bytes.indices.dropLast(4).first { Array(bytes[$0..<$0 + 4]) == Array("trun".utf8) } ?? 0
            bytes.replaceSubrange(run + 12..<run + 16, with: number(offset))
            #expect(mp4IFrames(bytes) == nil)
        }
    }

    @Test func damagedFragmentsNeverTrap() {
        var random = SplitMix64(seed: 3)
        let good = fragment([100, 20]) + fragment([5, 5], ownSizes: false, firstFlags: true)
        for _ in 0..<5000 {
            var bytes = good
            for _ in 0..<random.number(1...6) { bytes[random.number(0...150)] = UInt8(random.number(0...255)) }
            for range in mp4IFrames(bytes) ?? [] {
                #expect(range.offset >= 0 && range.length > 0 && range.offset + range.length <= bytes.count)
            }
            _ = mp4AddingLoudness(Loudness(integrated: -16, truePeak: -1, isWhole: true), to: bytes)
            _ = mp4Loudness(bytes)
        }
    }

    @Test func iFrameVariantsAndSubtitlesAreWrittenAndRead() throws {
        let playlist = MultivariantPlaylist(
            renditions: [
                Rendition(
                    kind: .subtitles, group: "subtitles", name: "English", language: "en", isDefault: false,
                    isForced: true, uri: "subtitles/index.m3u8")
            ],
            variants: [
                Variant(
                    uri: "240p/index.m3u8", bandwidth: 145_000, codecs: ["avc1.42c00d"], subtitlesGroup: "subtitles")
            ],
            iFrameVariants: [
                IFrameVariant(
                    uri: "240p/iframes.m3u8", bandwidth: 30_000, averageBandwidth: 20_000, codecs: ["avc1.42c00d"],
                    resolution: PictureSize(width: 416, height: 234))
            ])
        let text = playlist.text()
        #expect(
            text == """
                #EXTM3U
                #EXT-X-VERSION:7
                #EXT-X-INDEPENDENT-SEGMENTS
                #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subtitles",NAME="English",LANGUAGE="en",DEFAULT=NO,\
                AUTOSELECT=YES,FORCED=YES,URI="subtitles/index.m3u8"
                #EXT-X-STREAM-INF:BANDWIDTH=145000,CODECS="avc1.42c00d",SUBTITLES="subtitles",CLOSED-CAPTIONS=NONE
                240p/index.m3u8
                #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=30000,AVERAGE-BANDWIDTH=20000,CODECS="avc1.42c00d",\
                RESOLUTION=416x234,URI="240p/iframes.m3u8"

                """)
        #expect(try Playlist.parse(Array(text.utf8)) == .multivariant(playlist))
        let broken = text.replacing("SUBTITLES=\"subtitles\"", with: "SUBTITLES=\"other\"")
        #expect(throws: PlaylistError.self) { try Playlist.parse(Array(broken.utf8)) }
        let withoutURI = text.replacing(",URI=\"240p/iframes.m3u8\"", with: "")
        #expect(throws: PlaylistError.self) { try Playlist.parse(Array(withoutURI.utf8)) }
    }
}
