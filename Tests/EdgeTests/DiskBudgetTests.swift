// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Fuzzing
import Net
import Synchronization
import Testing

@testable import Edge

/// The file's size, and many objects.
@Suite(.serialized) struct DiskBudgetTests {
    private let folder = DiskFolder()

    private func fileSizes() throws -> (length: Int, onDisk: Int) {
        var status = stat()
        guard stat(folder.database, &status) == 0 else { throw SystemError("stat", code: errno) }
        return (Int(status.st_size), Int(status.st_blocks) * 512)
    }

    /// Four turnovers of a 24 MiB file with objects from 100 bytes to 3 MB.
    @Test func theFileStaysWithinItsBudgetAndNothingIsDropped() throws {
        let budget = 24 << 20
        let objects = try folder.withTier(budgetBytes: budget) { tier in
            var generator = FuzzRandom(seed: 11)
            var kept: [Int: Int] = [:]
            var written = 0
            var number = 0
            while written < 4 * budget {
                let bits = Int(generator.next() % 15) + 7
                let count = min(3_000_000, (1 << bits) + Int(generator.next() % (1 << UInt64(bits))))
                let result = tier.storeAndWait(
                    "/\(number)", PatternBody(seed: number, count: count, windowBytes: 1 << 20))
                #expect(result == true)
                kept[number] = count
                written += count
                number += 1
                if number % 16 == 0 {
                    let sizes = try fileSizes()
                    #expect(sizes.length <= budget && sizes.onDisk <= budget)
                }
            }
            let statistics = tier.statistics
            #expect(statistics.evictions > 0 && statistics.errors == 0 && statistics.writesDropped == 0)
            #expect(statistics.usedBytes > budget / 2, "most of the budget is used")
            var present = 0
            for (number, count) in kept where tier.contains("/\(number)") {
                present += 1
                #expect(tier.readAndWait("/\(number)").body == PatternBody.bytes(seed: number, count: count))
            }
            #expect(present == statistics.objects)
            return present
        }
        let reopened = try folder.withTier(budgetBytes: budget) { $0.statistics }
        #expect(reopened.setAside == 0 && reopened.objects == objects)
    }

    @Test func whatIsUsedStaysAndWhatIsStaleGoesFirst() throws {
        try folder.withTier(budgetBytes: 16 << 20) { tier in
            tier.storeAndWait("/used", PatternBody(seed: 1, count: 1_000_000))
            tier.storeAndWait("/stale", PatternBody(seed: 1, count: 1_000_000), freshUntil: 1)
            for number in 0..<30 {
                _ = tier.lookup(Array("/used".utf8))
                if tier.contains("/stale") { _ = tier.lookup(Array("/stale".utf8)) }
                tier.storeAndWait("/\(number)", PatternBody(seed: number, count: 1_000_000))
            }
            #expect(tier.contains("/used") && !tier.contains("/stale"))
            #expect(tier.contains("/29"))
        }
    }

    /// The order of arrival is in the file: after a restart the oldest goes first.
    @Test func theOrderSurvivesARestart() throws {
        try folder.withTier(budgetBytes: 16 << 20) { tier in
            for number in 0..<8 { tier.storeAndWait("/\(number)", PatternBody(seed: number, count: 1_000_000)) }
        }
        try folder.withTier(budgetBytes: 16 << 20) { tier in
            var number = 8
            while tier.statistics.evictions == 0, number < 40 {
                tier.storeAndWait("/\(number)", PatternBody(seed: number, count: 1_000_000))
                number += 1
            }
            #expect(!tier.contains("/0") && tier.contains("/7"))
        }
    }

    @Test func aHundredThousandObjectsAreReadyInASecond() throws {
        let count = 100_000
        let body = PatternBody(seed: 1, count: 100)
        let budget = 512 << 20
        try folder.withTier(budgetBytes: budget) { tier in
            for number in 0..<count {
                let write = DiskWrite(
                    key: Array("/v/\(number)/index.m3u8".utf8), head: body.bytes, version: 1, length: 100,
                    freshUntilWallSeconds: 4_000_000_000, body: body)
                while !tier.store(write) { usleep(1000) }
            }
            #expect(tier.wait { tier.putMeta("x", [], onDurable: $0) })
            #expect(tier.statistics.objects == count)
        }
        let start = threadMilliseconds()
        let tier = try DiskTier(folder.settings(budgetBytes: budget))
        let milliseconds = threadMilliseconds() - start
        defer { tier.stop(withinMilliseconds: 1000) }
        print("opened a disk tier of \(count) objects in \(milliseconds) ms")
        // Under a sanitizer (`make sanitize` sets this variable) everything takes several times as long.
        let isSanitized = ProcessInfo.processInfo.environment["TSAN_OPTIONS"] != nil
        #expect(milliseconds < (isSanitized ? 60_000 : 1000))
        #expect(tier.statistics.objects == count)
        #expect(tier.readAndWait("/v/77777/index.m3u8").body == body.bytes)
    }

    /// The processor time of this thread, which opens the tier by itself: the tests beside it keep all cores busy.
    private func threadMilliseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    /// Readers and the writer at once, with versions that replace one another: what is read is of one version.
    @Test func readersAndTheWriterDoNotDisturbEachOther() throws {
        try folder.withTier(budgetBytes: 32 << 20) { tier in
            let bodies = (0..<6).map { PatternBody(seed: $0, count: 600_000) }
            let ends = Guarded<[String: Int]>([:])
            let isOver = Atomic(false)
            DispatchQueue.concurrentPerform(iterations: 4) { thread in
                if thread == 0 {
                    for round in 0..<40 {
                        tier.storeAndWait("/\(round % 5)", bodies[round % 6], version: UInt64(round % 6))
                        if round % 13 == 0 { tier.remove(Array("/\(round % 5)".utf8)) }
                    }
                    isOver.store(true, ordering: .relaxed)
                }
                var round = 0
                while !isOver.load(ordering: .relaxed) || round < 5 {
                    let read = tier.readAndWait("/\(round % 5)")
                    ends.withLock { $0[read.ends.joined(), default: 0] += 1 }
                    if read.ends == ["done"] { #expect(read.body == bodies[Int(read.version)].bytes) }
                    round += 1
                }
            }
            let seen = ends.withLock { $0 }
            #expect(Set(seen.keys).isSubset(of: ["done", "missing", "replaced"]))
            #expect((seen["done"] ?? 0) > 0)
            #expect(tier.statistics.checksumFailures == 0 && tier.statistics.errors == 0)
        }
    }
}
