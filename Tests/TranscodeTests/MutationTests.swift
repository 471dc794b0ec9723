// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Transcode

/// Damaged files of every container, each in a media child of its own. The parent, which is this process, goes on.
///
/// `MUTATIONS=2000 swift test --filter MutationTests` is the long run of `make soak`; `MUTATION_FIRST=n` begins at
/// another seed, to repeat one, and `MUTATION_CONTAINERS=mp4,mov` leaves the others out.
@Suite(.serialized) struct MutationTests {
    /// The containers that are accepted, and what is put into each: small files, all parts of which matter.
    enum Container: String, CaseIterable, Sendable {
        case mp4, mov, mkv, webm, avi, ts, flv, mpg

        fileprivate var encoding: [String] {
            let h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "5", "-pix_fmt", "yuv420p"]
            switch self {
            case .mp4, .mov: return h264 + ["-c:a", "aac", "-b:a", "32k", "-movflags", "+faststart"]
            case .mkv, .ts: return h264 + ["-c:a", "aac", "-b:a", "32k"]
            case .webm: return ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-b:a", "32k"]
            case .avi: return ["-c:v", "mpeg4", "-g", "5", "-c:a", "mp2", "-b:a", "64k"]
            case .flv: return ["-c:v", "flv1", "-g", "5", "-c:a", "libmp3lame", "-ar", "44100", "-b:a", "32k"]
            case .mpg: return ["-c:v", "mpeg1video", "-g", "5", "-c:a", "mp2", "-b:a", "64k", "-f", "mpeg"]
            }
        }

        /// About 10 KB: 64x48, 12 pictures, half a second of sound.
        fileprivate func original() throws -> [UInt8] {
            let file = try TestFiles.folder() + "/a." + rawValue
            try Clip.ffmpeg(
                ["testsrc2=size=64x48:rate=25:duration=0.48", "sine=duration=0.48:sample_rate=44100"], encoding, file)
            return try TestFiles.read(file)
        }
    }

    private static let chosen: [Container] = {
        guard let names = ProcessInfo.processInfo.environment["MUTATION_CONTAINERS"] else { return Container.allCases }
        return names.split(separator: ",").compactMap { Container(rawValue: String($0)) }
    }()

    private static func number(_ name: String, default value: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? value
    }

    static let limits = Confinement(memoryBytesMax: 2 << 30, secondsMax: 60)

    @Test(arguments: chosen) func theParentOutlivesDamagedFiles(container: Container) throws {
        let original = try container.original()
        #expect(try outcome(original).name == "result")
        let first = Self.number("MUTATION_FIRST", default: 0)
        let count = Self.number("MUTATIONS", default: 30)
        let tally = ChildTally()
        let start = Date()
        var slowest = (seconds: 0.0, seed: 0)
        for seed in first..<first + count {
            var mutation = Mutation(seed: UInt64(seed))
            let began = Date()
            let outcome = try outcome(mutation.of(original))
            slowest = [slowest, (Date().timeIntervalSince(began), seed)].max { $0.0 < $1.0 } ?? slowest
            tally.count(outcome)
            switch outcome {
            case .crashed(let fault):
                print("\(container) \(seed): \(fault) \(fault.lastWords)")
                // A crash is the file's business; the filter must not be what a broken file runs into.
                if fault.name == "seccomp" { Issue.record("\(container) \(seed): \(fault)") }
            case .failed(let reason): print("\(container) \(seed): failed: \(reason)")
            case .timedOut, .killed: Issue.record("\(container) \(seed): \(outcome.name)")
            case .result, .plan, .unusable: break
            }
        }
        let seconds = Int(Date().timeIntervalSince(start))
        let extreme = "the slowest \((slowest.seconds * 10).rounded() / 10) s (\(slowest.seed))"
        print("\(container): \(count) mutations of \(original.count) bytes in \(seconds) s, \(extreme): \(tally.text)")
        #expect(tally.snapshot.values.reduce(0, +) == count)
    }

    private func outcome(_ bytes: [UInt8]) throws -> ChildOutcome {
        let input = try TestFiles.file(bytes)
        let descriptor = open(input, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Tool.Failure(description: "open \(input)") }
        let folder = try TestFiles.folder()
        defer {
            close(descriptor)
            for path in [folder, URL(fileURLWithPath: input).deletingLastPathComponent().path] {
                try? FileManager.default.removeItem(atPath: path)
            }
        }
        let job = ChildProcess.Job(
            input: descriptor, folder: folder, preset: "ultrafast", confinement: Self.limits,
            executable: Tool.transcode)
        return try ChildProcess(job).run { _ in }
    }
}
