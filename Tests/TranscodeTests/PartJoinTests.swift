// SPDX-License-Identifier: Apache-2.0

import HLS
import Testing

@testable import Transcode

/// Which parts fit together.
@Suite struct PartJoinTests {
    /// 25 frames a second, segments of 150 frames; a head of one segment, chunks 0..<1, 1..<3, 3...
    let plan = MediaPlan(
        frameRateNumerator: 25, frameRateDenominator: 1, gopFrames: 50, segmentFrames: 150, rungs: ["240p", "720p"],
        headSegments: 1, headRungs: ["240p"], chunks: [0..<1, 1..<3, 3..<Int.max], hasSound: true, declaredSeconds: 20)

    func rendition(_ name: String, _ segments: Range<Int>, last: Double = 6, bytes: Int = 1000, digest: String = "a")
        -> RenditionOutput
    {
        RenditionOutput(
            kind: name == "audio" ? .audio : .video, name: name, codecs: "", width: name == "audio" ? 0 : 2,
            height: name == "audio" ? 0 : 2,
            framesPerSecond: 25,
            segments: segments.map {
                SegmentFile(
                    name: "\($0).m4s", bytes: bytes, durationSeconds: $0 == segments.upperBound - 1 ? last : 6)
            }, bitsPerSecondBound: 10_000, initializationDigest: digest)
    }

    func part(_ frames: Range<Int>, _ renditions: RenditionOutput...) -> MediaResult {
        MediaResult(
            durationSeconds: 0, width: 2, height: 2, renditions: renditions, firstFrame: frames.lowerBound,
            endFrame: frames.upperBound)
    }

    var parts: [MediaResult] {
        [
            part(0..<150, rendition("240p", 0..<1)),
            part(0..<0, rendition("audio", 0..<4, last: 2.4)),
            part(450..<510, rendition("240p", 3..<4, last: 2.4), rendition("720p", 3..<4, last: 2.4)),
            part(150..<450, rendition("240p", 1..<3), rendition("720p", 1..<3)),
            part(0..<150, rendition("720p", 0..<1)),
        ]
    }

    func failure(_ parts: [MediaResult]) -> String? {
        do throws(MediaError) {
            _ = try PartJoin(plan).join(parts)
            return nil
        } catch {
            return error.message
        }
    }

    @Test func partsInAnyOrderMakeTheWhole() throws {
        let whole = try PartJoin(plan).join(parts)
        #expect(whole.renditions.map(\.name) == ["240p", "720p", "audio"])
        #expect(whole.renditions.allSatisfy { $0.segments.map(\.name) == ["0.m4s", "1.m4s", "2.m4s", "3.m4s"] })
        #expect(whole.firstFrame == 0 && whole.endFrame == 510)
        #expect(abs(whole.durationSeconds - 20.4) < 1e-9)
    }

    @Test func theEarlierOfTwoThatMadeASegmentCounts() throws {
        let again = part(0..<150, rendition("240p", 0..<1, bytes: 7))
        #expect(try PartJoin(plan).join(parts + [again]).renditions[0].segments[0].bytes == 1000)
        #expect(try PartJoin(plan).join([again] + parts).renditions[0].segments[0].bytes == 7)
    }

    @Test func whatDoesNotFitIsNamed() {
        #expect(failure(parts.dropLast()) == "720p/0.m4s is missing")
        #expect(failure(Array(parts.dropFirst(2))) == "240p/0.m4s is missing")
        #expect(failure([parts[1]]) == "no part has pictures")
        #expect(failure([part(0..<150, rendition("240p", 0..<1))]) == "720p is in no part")
        var other = parts
        other[3] = part(150..<450, rendition("240p", 1..<3, digest: "b"), rendition("720p", 1..<3))
        #expect(failure(other) == "the parts of 240p have different initialization segments")
        other[3] = part(150..<450, rendition("240p", 1..<3, last: 5.96), rendition("720p", 1..<3))
        #expect(failure(other) == "240p: 509 frames, not 510")
        other[3] = part(150..<450, rendition("240p", 1..<3), rendition("720p", 1..<3), rendition("9p", 1..<3))
        #expect(failure(other) == "9p is not in the plan")
    }

    @Test func theRateOverAJoinIsChecked() {
        // The bound is 7,500 bytes in 6 s. A window of 8.4 s over the last join holds segments 2 and 3.
        func parts(lastBytes: Int) -> [MediaResult] {
            var parts = self.parts
            parts[3].renditions[0].segments[1].bytes = 7400
            parts[2].renditions[0].segments[0].bytes = lastBytes
            return parts
        }
        #expect(failure(parts(lastBytes: 3000)) == nil)
        #expect(failure(parts(lastBytes: 4000)) == "240p: the rate over a join is above its bound")
    }

    @Test func thePartsBehindTheHeadLeaveOutWhatItHolds() {
        #expect(plan.headPart == .video(segments: 0..<1, rungs: ["240p"]))
        #expect(
            plan.videoParts == [
                .video(segments: 0..<1, rungs: ["720p"]), .video(segments: 1..<3, rungs: nil),
                .video(segments: 3..<Int.max, rungs: nil),
            ])
    }
}
