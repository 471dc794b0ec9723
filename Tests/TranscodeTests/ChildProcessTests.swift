// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import Testing

@testable import Transcode

/// The media child as a process of its own.
@Suite(.serialized, .enabled(if: MediaBench.hasTools)) struct ChildProcessTests {
    private let bench: MediaBench

    init() throws {
        bench = try MediaBench()
    }

    /// The program `transcode`, built beside the tests.
    private static func program() -> String {
        let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]) + "/transcode"
    }

    private func run(
        _ path: String, memory: Int = 4 << 30, seconds: Int = 60, during: (ChildProcess, Double) -> Void = { _, _ in }
    ) throws -> ChildOutcome {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        let folder = bench.root + "/child"
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let child = ChildProcess(
            ChildProcess.Job(
                input: descriptor, folder: folder, preset: "ultrafast",
                confinement: Confinement(memoryBytesMax: memory, secondsMax: seconds), executable: Self.program()))
        return try child.run { during(child, $0) }
    }

    @Test func aGoodFileGivesItsResultAndItsProgress() throws {
        let clip = try bench.testClip("in.mp4", size: "416x234", rate: "25", seconds: 7)
        let percents = Mutex<[Double]>([])
        let outcome = try run(clip) { _, percent in percents.withLock { $0.append(percent) } }
        guard case .result(let result) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(result.renditions.map(\.name) == ["240p", "audio"])
        let seen = percents.withLock { $0 }
        #expect(seen == seen.sorted() && seen.allSatisfy { (0...100).contains($0) })
    }

    @Test func aBrokenFileGivesItsReason() throws {
        let outcome = try run(try bench.file("in.mp4", "not a video\n".utf8))
        #expect(outcome == .unusable("The file is a text, not a video file."))
    }

    @Test func aChildThatIsKilledLeavesTheParentAlive() throws {
        let clip = try bench.testClip("in.mp4", size: "1280x720", rate: "30", seconds: 20)
        let outcome = try run(clip) { child, percent in if percent > 0 { child.kill() } }
        #expect(outcome == .killed)
    }

    @Test func wantOfMemoryIsNoResult() throws {
        let clip = try bench.testClip("in.mp4", size: "1920x1080", rate: "30", seconds: 2)
        for mebibytes in [100, 300, 500, 600] {
            switch try run(clip, memory: mebibytes << 20) {
            case .crashed, .failed: break
            case let other: Issue.record("with \(mebibytes) MiB: \(other)")
            }
        }
    }

    @Test func aChildThatTakesTooLongIsEnded() throws {
        let clip = try bench.testClip("in.mp4", size: "1920x1080", rate: "60", seconds: 20)
        switch try run(clip, seconds: 1) {
        // Whichever limit comes first: the wall clock, or the processor time on all cores.
        case .timedOut, .crashed: break
        case let other: Issue.record("with 1 s: \(other)")
        }
    }
}
