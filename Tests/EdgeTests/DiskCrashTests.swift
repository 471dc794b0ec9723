// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Fuzzing
import Glibc
import Testing

@testable import Edge

private let childVariable = "SPILLWAY_DISK_CRASH_FOLDER"
private let childFolder = ProcessInfo.processInfo.environment[childVariable]

private func crashBody(_ number: Int) -> PatternBody {
    PatternBody(seed: number, count: 1000 + number * 7919 % 600_000)
}

/// The process that is killed: this test program, started again by the test below. It stores objects until its end and
/// writes the number of each to its output once it is told that it is durable.
@Suite struct DiskCrashChild {
    @Test(.enabled(if: childFolder != nil, "only as a child of its test"))
    func storeUntilKilled() throws {
        let folder = try #require(childFolder)
        let tier = try DiskTier(DiskTierSettings(folder: folder, budgetBytes: 64 << 20))
        var number = Int(ProcessInfo.processInfo.environment["SPILLWAY_DISK_CRASH_FIRST"] ?? "") ?? 0
        // Should nobody kill it.
        let end = Clock.monotonicMilliseconds() + 20_000
        while Clock.monotonicMilliseconds() < end {
            let current = number
            let body = crashBody(current)
            let isQueued = tier.store(
                DiskWrite(
                    key: Array("/\(current)".utf8), head: Array("\(current)".utf8), version: 1,
                    length: body.bytes.count, freshUntilWallSeconds: 1, body: body,
                    onCommitted: { good in
                        let line = Array("committed \(current)\n".utf8)
                        if good { _ = write(STDOUT_FILENO, line, line.count) }
                    }))
            if isQueued { number += 1 } else { usleep(1000) }
        }
        tier.stop(withinMilliseconds: 0)
    }
}

@Suite struct DiskCrashTests {
    private let folder = DiskFolder()

    /// Starts the child, kills it some time after its first commit; returns the numbers that it has reported.
    private func reportedByAChildThatIsKilled(first: Int, afterMicroseconds: UInt32) throws -> [Int] {
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        // A runner may load the tests from a bundle that it is told; a program of tests takes the rest.
        let arguments = CommandLine.arguments
        let bundle = arguments.firstIndex(of: "--test-bundle-path").map { Array(arguments[$0...($0 + 1)]) } ?? []
        child.arguments = bundle + ["--testing-library", "swift-testing", "--filter", "DiskCrashChild"]
        child.environment = ProcessInfo.processInfo.environment.merging([
            childVariable: folder.path, "SPILLWAY_DISK_CRASH_FIRST": String(first),
        ]) { $1 }
        let output = Pipe()
        child.standardOutput = output
        child.standardError = FileHandle.nullDevice
        try child.run()
        var text = Data()
        while !text.contains(Data("committed".utf8)) {
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { break }
            text.append(more)
        }
        usleep(afterMicroseconds)
        kill(child.processIdentifier, SIGKILL)
        text.append(output.fileHandleForReading.readDataToEndOfFile())
        child.waitUntilExit()
        return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { line in
            line.hasPrefix("committed ") ? Int(line.dropFirst(10)) : nil
        }
    }

    /// Everything that was reported is there, and all that is there is right.
    @Test func whatWasCommittedSurvivesAKill() throws {
        var generator = FuzzRandom(seed: UInt64(Clock.wallMilliseconds()))
        var next = 0
        for _ in 0..<8 {
            let delay = UInt32(generator.next() % 150_000)
            let reported = try reportedByAChildThatIsKilled(first: next, afterMicroseconds: delay)
            #expect(!reported.isEmpty)
            try folder.withTier { tier in
                #expect(tier.statistics.setAside == 0)
                var lost: [Int] = []
                for number in next..<(reported.max() ?? 0) + 200 {
                    let read = tier.readAndWait("/\(number)")
                    if read.ends == ["done"] {
                        #expect(read.body == crashBody(number).bytes && read.head == Array("\(number)".utf8))
                    } else {
                        lost.append(number)
                    }
                }
                // Those that came first may have been evicted by those that followed.
                let evictedMax = tier.statistics.usedBytes > 40 << 20 ? (reported.max() ?? 0) - 60 : 0
                #expect(lost.filter { reported.contains($0) && $0 > evictedMax } == [])
                #expect(tier.statistics.checksumFailures == 0)
            }
            next = (reported.max() ?? next) + 1000
        }
    }
}
