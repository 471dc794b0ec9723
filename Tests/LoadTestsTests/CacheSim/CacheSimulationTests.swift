// SPDX-License-Identifier: Apache-2.0

import Cache
import Testing

@testable import LoadTests

/// Small traces whose outcome can be worked out by hand. A request a second, so that each has a tick of its own.
@Suite struct CacheSimulationTests {
    private func simulation(_ objects: [Int], bytes: [Int], overheadBytes: Int = 0) -> CacheSimulation {
        let requests = objects.enumerated().map {
            Trace.Request(milliseconds: Int64($0.offset) * 1000, object: $0.element)
        }
        return CacheSimulation(
            trace: Trace(name: "by hand", requests: requests, objectBytes: bytes), overheadBytes: overheadBytes)
    }

    @Test func lruForgetsWhatWasUsedLongestAgo() {
        // a b a c: c takes b's place. Then a hits, b does not and takes c's place, and c does not.
        let count = simulation([0, 1, 0, 2, 0, 1, 2], bytes: [10, 20, 20]).run(policy: .lru, budgetBytes: 30)
        #expect(count == HitCount(requests: 7, hits: 2, bytes: 110, hitBytes: 20))
        #expect(count.hitRatio == 2.0 / 7)
        #expect(count.byteHitRatio == 20.0 / 110)
    }

    @Test func sieveKeepsWhatWasHitAgainstACycle() {
        // Room for two. a is hit, so b and c push each other out.
        let count = simulation([0, 0, 1, 2, 0, 1, 2, 0], bytes: [1, 1, 1]).run(policy: .sieve, budgetBytes: 2)
        // By hand: a misses and hits, b misses. For c, a is passed and b leaves; a hits. For b, a is passed again and c
        // leaves. For c, a leaves: it was not hit since. Then a misses.
        #expect(count.hits == 2)
        let recent = simulation([0, 0, 1, 2, 0, 1, 2, 0], bytes: [1, 1, 1]).run(policy: .lru, budgetBytes: 2)
        #expect(recent.hits == 1)
    }

    @Test func s3fifoTakesBackWhatComesAgain() {
        // Room for two. a leaves for c, is remembered, and stays in the main queue while the others pass.
        let count = simulation([0, 1, 2, 0, 3, 4, 5, 0], bytes: [1, 1, 1, 1, 1, 1]).run(policy: .s3fifo, budgetBytes: 2)
        #expect(count.hits == 1)
        let recent = simulation([0, 1, 2, 0, 3, 4, 5, 0], bytes: [1, 1, 1, 1, 1, 1]).run(policy: .lru, budgetBytes: 2)
        #expect(recent.hits == 0)
    }

    @Test(arguments: EvictionPolicy.allCases) func theOverheadCounts(policy: EvictionPolicy) {
        let small = simulation([0, 1, 0, 1], bytes: [1, 1], overheadBytes: 9)
        #expect(small.run(policy: policy, budgetBytes: 20).hits == 2)
        #expect(small.run(policy: policy, budgetBytes: 19).hits == 0)
        #expect(small.trace.footprintBytes(overheadBytes: 9) == 20)
    }

    @Test(arguments: EvictionPolicy.allCases) func whatIsLargerThanTheCacheStaysOut(policy: EvictionPolicy) {
        let count = simulation([0, 1, 1, 0], bytes: [5, 11]).run(policy: policy, budgetBytes: 10)
        #expect(count == HitCount(requests: 4, hits: 1, bytes: 32, hitBytes: 5))
    }

    @Test func withoutLimitOnlyTheFirstRequestMisses() {
        let count = simulation([0, 1, 0, 1, 1], bytes: [5, 7]).runUnlimited()
        #expect(count == HitCount(requests: 5, hits: 3, bytes: 31, hitBytes: 19))
    }

    @Test func oneHitWondersStayOffTheDisk() {
        // Memory holds one object, disk all. 0 comes three times, the others once.
        let trace = simulation([0, 1, 0, 2, 0, 3], bytes: [1, 1, 1, 1])
        let all = trace.runTiers(policy: .lru, memoryBytes: 1, diskBytes: 10, admitsAtSecond: false)
        #expect(all.writtenObjects == 4)
        #expect(all.count == HitCount(requests: 6, hits: 2, bytes: 6, hitBytes: 2))
        let second = trace.runTiers(policy: .lru, memoryBytes: 1, diskBytes: 10, admitsAtSecond: true)
        #expect(second.writtenObjects == 1)
        #expect(second.writtenBytes == 1)
        #expect(second.count == HitCount(requests: 6, hits: 1, bytes: 6, hitBytes: 1))
    }

    @Test func aSecondRequestThatMemoryAnswersAdmitsToo() {
        let result = simulation([0, 0, 1, 0], bytes: [1, 1])
            .runTiers(policy: .lru, memoryBytes: 1, diskBytes: 10, admitsAtSecond: true)
        #expect(result.writtenObjects == 1)
        #expect(result.count == HitCount(requests: 3, hits: 1, bytes: 3, hitBytes: 1))
    }

    /// What docs/cache.md says, at a smaller scale: the standard policy is the one with the highest mean byte hit ratio.
    @Test func theStandardPolicyWins() {
        var report = CacheSimReport(command: "", policies: EvictionPolicy.allCases)
        let generator = TraceGenerator(seed: 1, requests: 20_000, objects: 2000)
        for kind in TraceKind.allCases {
            report.traces.append(
                CacheReplay(policies: report.policies, sizes: [.percent(2), .percent(5), .percent(10)])
                    .run(generator.make(kind)))
        }
        #expect(report.winner == .standard)
        let best = report.mean(.standard, \.byteHitRatio) ?? 0
        #expect(best > (report.mean(.lru, \.byteHitRatio) ?? 1) + 0.03)
    }
}
