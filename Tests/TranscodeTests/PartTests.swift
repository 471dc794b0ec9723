// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// A video made in parts is the video that one child makes.
@Suite struct PartTests {
    /// Sources of every shape of time line, cut where it hurts: between key frames, in the middle of open groups.
    enum Source: String, CaseIterable {
        /// B frames over open groups of 77 frames: a chunk starts in the middle of one.
        case openGroups
        /// In uneven steps, key frames wherever x264 finds a change of scene.
        case varying
        /// Fields, to be deinterlaced.
        case interlaced
        /// An edit list that begins in the middle of a group.
        case edited
        /// A picture that begins after the sound.
        case lateStart
        /// Matroska, key frames 4 s apart.
        case matroska

        static let seconds = 26

        func make() throws -> String {
            let file = TestFiles.root + "/part-\(rawValue)." + (self == .matroska ? "mkv" : "mp4")
            if FileManager.default.fileExists(atPath: file) { return file }
            // A bar that moves by 7 pixels a frame: easy to encode, and each picture differs from its neighbours.
            func bar(_ rate: Int) -> String {
                let luma = "if(lt(abs(X-mod(N*7,160)),8),235,16)"
                return "color=size=160x96:rate=\(rate):duration=\(Self.seconds),geq=lum='\(luma)':cb=128:cr=128"
            }
            let picture = bar(25)
            let sound = "sine=duration=\(Self.seconds):sample_rate=48000"
            let x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
            switch self {
            case .openGroups:
                try Clip.ffmpeg(
                    [picture, sound],
                    x264 + ["-bf", "3", "-g", "77", "-x264-params", "open-gop=1:scenecut=0", "-c:a", "aac"], file)
            case .varying:
                try Clip.ffmpeg([picture + ",select='lt(mod(n,7),4)'"], x264 + ["-vsync", "vfr"], file)
            case .interlaced:
                try Clip.ffmpeg(
                    [bar(50) + ",tinterlace=interleave_top"],
                    x264 + ["-flags", "+ilme+ildct", "-g", "60"], file)
            case .edited:
                let plain = file + ".plain.mp4"
                try Clip.ffmpeg([picture, sound], x264 + ["-bf", "2", "-g", "100", "-c:a", "aac"], plain)
                try Tool.succeed("ffmpeg", ["-v", "error", "-ss", "1.3", "-i", plain, "-c", "copy", file])
            case .lateStart:
                let plain = file + ".plain.mp4"
                try Clip.ffmpeg([picture], x264 + ["-g", "40"], plain)
                try Tool.succeed(
                    "ffmpeg",
                    [
                        "-v", "error", "-f", "lavfi", "-i", sound, "-itsoffset", "2.5", "-i", plain, "-map", "1:v",
                        "-map", "0:a", "-c:v", "copy", "-c:a", "aac", file,
                    ])
            case .matroska:
                try Clip.ffmpeg([picture, sound], x264 + ["-g", "100", "-c:a", "aac"], file)
            }
            return file
        }
    }

    /// Runs parts of a file into a folder; gives their results.
    static func run(_ path: String, _ parts: [MediaPart], to folder: String) throws -> [ChildMessage] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Tool.Failure(description: "open \(path)") }
        defer { close(descriptor) }
        return try parts.map { part in
            try Transcoder(descriptor: descriptor, folder: folder, preset: "ultrafast") { _ in }.run(part)
        }
    }

    static func results(_ messages: [ChildMessage]) throws -> [MediaResult] {
        try messages.map { message in
            guard case .result(let result) = message else { throw Tool.Failure(description: "\(message)") }
            return result
        }
    }

    /// What a chunk shows: the frame clock's choice for each frame, as pictures of 32x32.
    @Test(arguments: Source.allCases) func chunksShowWhatOnePassShows(source: Source) throws {
        let path = try source.make()
        let one = try TestFiles.folder()
        let many = try TestFiles.folder()
        let whole = try Self.results(Self.run(path, [.video(segments: 0..<Int.max, rungs: nil)], to: one))
        let bounds = [0, 1, 3, Int.max]
        let chunks = zip(bounds, bounds.dropFirst()).map { MediaPart.video(segments: $0..<$1, rungs: nil) }
        // In any order.
        let parts = try Self.results(Self.run(path, chunks.reversed(), to: many)).reversed()
        #expect(parts.last?.endFrame == whole[0].endFrame)
        #expect(parts.map(\.firstFrame) == [0] + parts.dropLast().map(\.endFrame))
        for rendition in whole[0].renditions {
            let made = parts.compactMap { part in part.renditions.first { $0.name == rendition.name } }
            #expect(made.flatMap(\.segments).map(\.name) == rendition.segments.map(\.name))
            #expect(Set(made.map(\.initializationDigest)) == [rendition.initializationDigest])
            let names = rendition.segments.map(\.name)
            let before = try Self.pictures(one, rendition.name, names)
            let after = try Self.pictures(many, rendition.name, names)
            #expect(before.count == after.count && before.count == whole[0].endFrame)
            let differences = zip(before, after).map(difference)
            // A neighbouring picture of the source differs by far more.
            #expect(differences.allSatisfy { $0 < 4 }, "frame \(differences.firstIndex { $0 >= 4 } ?? 0)")
        }
    }

    @Test func chunksAreAsGoodAndAsLargeAsOnePass() throws {
        let path = TestFiles.root + "/part-soft.mp4"
        try Clip.ffmpeg(
            ["testsrc2=size=320x180:rate=25:duration=100,gblur=sigma=3"],
            ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-pix_fmt", "yuv420p"], path)
        let one = try TestFiles.folder()
        let many = try TestFiles.folder()
        let whole = try Self.results(Self.run(path, [.video(segments: 0..<Int.max, rungs: nil)], to: one))
        // As long as a plan makes them.
        let chunks = [0..<4, 4..<4 + MediaPlan.chunkSegments, 4 + MediaPlan.chunkSegments..<Int.max].map {
            MediaPart.video(segments: $0, rungs: nil)
        }
        let parts = try Self.results(Self.run(path, chunks, to: many))
        for rendition in whole[0].renditions {
            let made = parts.flatMap(\.renditions).filter { $0.name == rendition.name }.flatMap(\.segments)
            #expect(made.reduce(0) { $0 + $1.durationSeconds } == rendition.durationSeconds)
            let sizes = [rendition.segments, made].map { segments in Double(segments.reduce(0) { $0 + $1.bytes }) }
            #expect(abs(sizes[1] / sizes[0] - 1) <= 0.03, "\(rendition.name): \(sizes)")
            let names = rendition.segments.map(\.name)
            let likeness = try [one, many].map { try Self.likeness("\($0)/\(rendition.name)", names, of: path) }
            // Each chunk begins with a full buffer: a rung that its bound starves, as 144p here, looks better for it.
            #expect(likeness[0] - likeness[1] <= 0.002, "\(rendition.name): \(likeness)")
            if rendition.name == "240p" { #expect(abs(likeness[1] - likeness[0]) <= 0.002, "\(likeness)") }
        }
    }

    /// The similarity (SSIM) of a rendition's luma to its source, as ffmpeg's filter measures it.
    static func likeness(_ folder: String, _ names: [String], of source: String) throws -> Double {
        let bytes = try (["init.mp4"] + names).flatMap { try TestFiles.read("\(folder)/\($0)") }
        let tool = try Tool.run(
            "ffmpeg",
            [
                "-nostats", "-i", try TestFiles.file(bytes), "-i", source, "-lavfi",
                "[1:v][0:v]scale2ref=flags=bicubic[s][m];[m]setsar=1[m1];[s]setsar=1[s1];[m1][s1]ssim", "-f", "null",
                "-",
            ])
        let value = try #require(tool.errors.firstMatch(of: /SSIM Y:([0-9.]+)/))
        return try #require(Double(value.1))
    }

    static func pictures(_ folder: String, _ rendition: String, _ names: [String]) throws -> [[UInt8]] {
        let bytes = try (["init.mp4"] + names).flatMap { try TestFiles.read("\(folder)/\(rendition)/\($0)") }
        return try Transcoded.pictures(try TestFiles.file(bytes))
    }
}
