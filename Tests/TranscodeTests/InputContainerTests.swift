// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// Every container with the codecs that are usual in it, and files that end in the middle of one. The rows of
/// docs/inputs.md.
@Suite struct InputContainerTests {
    struct Kind: Sendable, CustomTestStringConvertible {
        var name: String
        var options: [String]
        /// What the container itself can not tell of the sound's delay, in seconds.
        var slack = 0.025

        var testDescription: String { "\(name) \(options[1]) \(options.last ?? "")" }
    }

    static let kinds = [
        Kind(name: "a.mp4", options: ["-c:v", "libx264", "-c:a", "aac"]),
        Kind(name: "b.mp4", options: ["-c:v", "libx265", "-x265-params", "log-level=none", "-c:a", "ac3"]),
        Kind(name: "c.mp4", options: ["-c:v", "mpeg4", "-movflags", "frag_keyframe+empty_moov", "-c:a", "aac"]),
        Kind(name: "a.mov", options: ["-c:v", "prores_ks", "-c:a", "pcm_s24le"]),
        Kind(name: "b.mov", options: ["-c:v", "mjpeg", "-c:a", "pcm_s16be"]),
        Kind(name: "a.mkv", options: ["-c:v", "libx265", "-x265-params", "log-level=none", "-c:a", "flac"]),
        Kind(name: "b.mkv", options: ["-c:v", "ffv1", "-c:a", "pcm_s16le"]),
        Kind(name: "a.webm", options: ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis"]),
        Kind(name: "b.webm", options: ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus"]),
        Kind(name: "a.avi", options: ["-c:v", "mpeg4", "-c:a", "libmp3lame"], slack: 0.06),
        Kind(name: "b.avi", options: ["-c:v", "mjpeg", "-c:a", "pcm_s16le"]),
        Kind(name: "a.ts", options: ["-c:v", "libx264", "-c:a", "aac"], slack: 0.05),
        Kind(name: "b.ts", options: ["-c:v", "mpeg2video", "-c:a", "mp2"], slack: 0.05),
        Kind(name: "a.flv", options: ["-c:v", "flv", "-ar", "44100", "-c:a", "libmp3lame"], slack: 0.06),
        Kind(name: "b.flv", options: ["-c:v", "libx264", "-c:a", "aac"], slack: 0.05),
        Kind(name: "a.mpg", options: ["-c:v", "mpeg2video", "-c:a", "mp2"], slack: 0.05),
        Kind(name: "a.vob", options: ["-c:v", "mpeg2video", "-c:a", "ac3"], slack: 0.05),
        Kind(name: "a.3gp", options: ["-c:v", "h263", "-s", "176x144", "-ar", "16000", "-c:a", "aac"]),
    ]

    static func source(_ kind: Kind, seconds: Double = 2) throws -> String {
        try Source.make(
            kind.name, [Source.flash(at: 1, seconds: seconds), Source.beep(at: 1, seconds: seconds)],
            (kind.options.contains("libx264") ? ["-pix_fmt", "yuv420p"] : []) + kind.options)
    }

    @Test(arguments: kinds) func pictureAndSoundKeepTogether(kind: Kind) throws {
        let made = try Made(try Self.source(kind))
        #expect(made.multivariant.variants.first?.frameRate == 25)
        let colors = try made.colors(columns: 1, rows: 1)
        #expect(abs(colors.count - 50) <= 1, "\(colors.count) pictures")
        let (flash, beep) = try made.flashAndBeep()
        #expect(abs(flash - 1) <= 0.041, "flash at \(flash)")
        #expect(abs(beep - flash) <= 0.021 + kind.slack, "flash at \(flash), beep at \(beep)")
        let segment = try Fragments.samples(segment: try TestFiles.read(made.folder + "/240p/0.m4s"))
        #expect(segment.map(\.presentationTime).min() == 0)
    }

    // MARK: Files that end in mid-packet

    /// Cut in the middle of a packet; what is there plays.
    @Test(arguments: ["a.ts", "a.mpg", "b.avi", "c.mp4"]) func whatDeclaresNoLengthPlaysToItsEnd(name: String) throws {
        let kind = try #require(Self.kinds.first { $0.name == name })
        let bytes = try TestFiles.read(try Self.source(kind, seconds: 4))
        let cut = try TestFiles.file(Array(bytes.prefix(bytes.count * 3 / 5 + 33)), name: name)
        let made = try Made(cut)
        #expect((1...3.9).contains(made.result.durationSeconds), "\(made.result.durationSeconds)")
        let (flash, beep) = try made.flashAndBeep()
        #expect(abs(flash - beep) < 0.08)
    }

    /// Files that declare a length are refused when more than 2 s and 5 % of it are missing, and play when less is.
    @Test(arguments: ["a.mkv", "a.webm", "b.flv"]) func whatDeclaresMoreThanItHasIsRefused(name: String) throws {
        let kind = try #require(Self.kinds.first { $0.name == name })
        let bytes = try TestFiles.read(try Self.source(kind, seconds: 6))
        let cut = try TestFiles.file(Array(bytes.prefix(bytes.count / 2)), name: name)
        do {
            _ = try Made(cut)
            Issue.record("\(name) was taken")
        } catch MediaError.unusable(let reason) {
            #expect(reason.hasPrefix("The file ends too early: it declares 6"), "\(reason)")
        }
    }

    @Test func aFewLastBytesMayBeMissing() throws {
        let kind = try #require(Self.kinds.first { $0.name == "a.mkv" })
        let bytes = try TestFiles.read(try Self.source(kind))
        let made = try Made(try TestFiles.file(Array(bytes.prefix(bytes.count * 9 / 10)), name: "a.mkv"))
        #expect((1.2...2.01).contains(made.result.durationSeconds))
    }
}
