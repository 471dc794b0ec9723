// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Transcode

/// Broken and hostile files end with a sentence for their uploader.
@Suite(.serialized, .enabled(if: MediaBench.hasTools)) struct RefusalTests {
    private let bench: MediaBench

    init() throws {
        bench = try MediaBench()
    }

    @Test func aPlaylistIsNamedForWhatItIs() throws {
        for target in ["file:///etc/passwd", "http://127.0.0.1/a.ts"] {
            let text = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n\(target)\n#EXT-X-ENDLIST\n"
            let reason = try bench.refusal(try bench.file("list.mp4", text.utf8))
            #expect(reason == "The file is an HLS playlist, not a video file; upload the video itself.")
        }
    }

    @Test func filesThatAreNoVideoAreNamed() throws {
        let cases: [(String, [UInt8])] = [
            ("The file is empty.", []),
            ("The file is a text, not a video file.", Array("Grüße aus dem Texteditor\n".utf8)),
            ("list of files (ffconcat)", Array("ffconcat version 1.0\nfile /etc/passwd\n".utf8)),
            ("a DASH manifest", Array("<?xml version=\"1.0\"?>\n<MPD></MPD>".utf8)),
            ("a JPEG picture", [0xFF, 0xD8, 0xFF, 0xE0] + [UInt8](repeating: 0, count: 200)),
            (
                "not a video in a format that is accepted",
                (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
            ),
        ]
        for (expected, bytes) in cases {
            let reason = try bench.refusal(try bench.file("in.mp4", bytes))
            #expect(reason?.contains(expected) == true, "\(expected): \(reason ?? "accepted")")
        }
    }

    @Test func soundAloneIsRefused() throws {
        let clip = try bench.clip("in.m4a", ["-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac"])
        #expect(try bench.refusal(clip) == "The file holds only sound, no video.")
    }

    @Test func aCutOffFileIsRefusedInEveryContainer() throws {
        let whole = try bench.testClip("whole.mp4", size: "320x180", rate: "25", seconds: 10)
        let faststart = try bench.clip("fast.mp4", ["-i", whole, "-c", "copy", "-movflags", "+faststart"])
        let matroska = try bench.clip("whole.mkv", ["-i", whole, "-c", "copy"])
        let fragmented = try bench.clip(
            "frag.mp4",
            ["-i", whole, "-c", "copy", "-movflags", "frag_keyframe+empty_moov", "-frag_duration", "1000000"])
        for path in [whole, faststart, matroska] {
            #expect(try bench.refusal(path) == nil)
            let bytes = try bench.bytes(path)
            let reason = try bench.refusal(try bench.file("cut", bytes.prefix(bytes.count / 2)))
            #expect(reason?.hasPrefix("The file ends too early") == true, "\(path): \(reason ?? "accepted")")
        }
        let bytes = try bench.bytes(fragmented)
        // A fragmented file does not say how long it should be; it must at least not fail as a whole.
        _ = try bench.refusal(try bench.file("cut.mp4", bytes.prefix(bytes.count / 2)))
    }

    /// Changes at many places: each ends as a result or as an error of ours, never as a crash.
    @Test func damagedFilesNeverTrap() throws {
        let whole = try bench.testClip(
            "in.mp4", size: "128x96", rate: "10", seconds: 1, options: ["-movflags", "+faststart"])
        let bytes = try bench.bytes(whole)
        for round in 0..<24 {
            var changed = bytes
            for step in 0..<20 {
                // Spread over the index and the samples, the same in every run.
                let position =
                    (round &* 7919 &+ step &* 104_729) % (step % 2 == 0 ? min(2000, bytes.count) : bytes.count)
                changed[max(position, 32) % bytes.count] ^= UInt8(truncatingIfNeeded: round &* 31 &+ step &* 17 | 1)
            }
            let path = try bench.file("changed.mp4", changed)
            do {
                _ = try bench.transcode(path)
            } catch is MediaError {}
        }
    }
}
