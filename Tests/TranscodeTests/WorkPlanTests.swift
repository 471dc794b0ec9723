// SPDX-License-Identifier: Apache-2.0

import Backends
import Testing

@testable import Transcode

/// How a plan becomes a job's parts, and when workers are started.
@Suite struct WorkPlanTests {
    @Test func aVideoOfOneChunkIsMadeInOneGo() throws {
        let parts = try WorkPlan(media: try WorkerBench.plan(chunks: [0..<Int.max])).parts()
        #expect(parts.map(\.kind) == [.whole, .assembly])
        #expect(try WorkPlan.parts(parts[0].work) == [.whole])
    }

    @Test func aLongVideoHasAHeadAndChunks() throws {
        let plan = try WorkerBench.plan(chunks: [0..<2, 2..<12, 12..<22, 22..<Int.max], seconds: 200)
        let parts = try WorkPlan(media: plan).parts()
        #expect(
            parts.map(\.kind) == [
                .head, .chunk, .sound, .sound, .chunk, .chunk, .chunk, .pictures, .soundEnd, .assembly,
            ])
        #expect(
            try WorkPlan.parts(parts[0].work) == [
                .video(segments: 0..<2, rungs: ["240p"]), .sound(videoFrames: nil, segmentsMax: 2),
            ])
        // The head's rung is not made again.
        #expect(try WorkPlan.parts(parts[1].work) == [.video(segments: 0..<2, rungs: ["480p"])])
        // 95 % of the video less two seconds are certain.
        #expect(try WorkPlan.parts(parts[2].work) == [.sound(videoFrames: nil, segmentsMax: 10)])
        #expect(try WorkPlan.parts(parts[3].work) == [.sound(videoFrames: nil, segmentsMax: 30)])
        #expect(try WorkPlan.parts(parts[6].work) == [.video(segments: 22..<Int.max, rungs: nil)])
        #expect(parts[4].weight == 60 && parts[6].weight == 68)
        #expect(throws: MediaError.self) { try WorkPlan.parts("nonsense") }
    }

    @Test func aSilentVideoHasNoSound() throws {
        var plan = try WorkerBench.plan(chunks: [0..<10, 10..<Int.max], seconds: 120)
        plan.hasSound = false
        #expect(try WorkPlan(media: plan).parts().map(\.kind) == [.head, .chunk, .chunk, .pictures, .assembly])
    }

    @Test func progressIsMeasuredByThePictures() throws {
        let plan = try WorkerBench.plan(chunks: [0..<10, 10..<Int.max], seconds: 120)
        let gauge = PartGauge(
            [.video(segments: 0..<2, rungs: nil), .sound(videoFrames: nil, segmentsMax: 2)], plan: plan)
        #expect(gauge.fraction(piece: 0, percent: 50) == 0.5)
        #expect(gauge.fraction(piece: 1, percent: 50) == 0)
        #expect(gauge.seconds(piece: 0, percents: ["240p": 50]) == ["240p": 6])
        #expect(!gauge.isLast)
        #expect(PartGauge([.video(segments: 10..<Int.max, rungs: nil)], plan: plan).isLast)
    }

    @Test func workersAreStartedByDepth() {
        let rules = ScaleRules(workersMin: 1, workersMax: 4, parallel: 2)
        #expect(rules.workersToStart(depth: 0, running: 0, now: 0) == 1)
        #expect(rules.workersToStart(depth: 0, running: 1, now: 0) == 0)
        #expect(rules.workersToStart(depth: 3, running: 1, now: 0) == 1)
        #expect(rules.workersToStart(depth: 100, running: 1, now: 0) == 3)
        #expect(rules.workersToStart(depth: 100, running: 4, now: 0) == 0)
        #expect(ScaleRules(workersMin: 0, workersMax: 4, parallel: 1).workersToStart(depth: 0, running: 0, now: 0) == 0)
    }

    @Test func aWorkerThatKeepsCrashingIsStartedLaterAndLater() {
        var rules = ScaleRules(workersMin: 1, workersMax: 1, parallel: 1)
        var now: Int64 = 0
        for wait in [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] as [Int64] {
            rules.ended(isCrash: true, lifetimeMilliseconds: 10, now: now)
            #expect(rules.workersToStart(depth: 1, running: 0, now: now + wait - 1) == 0)
            now += wait
            #expect(rules.workersToStart(depth: 1, running: 0, now: now) == 1)
        }
        // It worked for a while: the next crash is the first.
        rules.ended(isCrash: true, lifetimeMilliseconds: 60_000, now: now)
        #expect(rules.workersToStart(depth: 1, running: 0, now: now + 500) == 1)
        rules.ended(isCrash: false, lifetimeMilliseconds: 10, now: now + 500)
        rules.ended(isCrash: true, lifetimeMilliseconds: 10, now: now + 500)
        #expect(rules.workersToStart(depth: 1, running: 0, now: now + 1000) == 1)
    }
}
