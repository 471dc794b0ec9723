// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import Backends

/// The queue on a real file, with a clock that the test moves.
@Suite struct SQLiteJobQueueTests {
    final class ManualClock: Sendable {
        let now = Atomic<Int64>(1_000_000)
        func advance(_ milliseconds: Int64) { now.add(milliseconds, ordering: .relaxed) }
    }

    let folder: TemporaryFolder
    let database: CatalogDatabase
    let catalog: SQLiteCatalog
    let queue: SQLiteJobQueue
    let clock = ManualClock()

    init() throws {
        folder = try TemporaryFolder()
        database = try CatalogDatabase(path: folder.path + "/state/catalog.sqlite")
        let time: @Sendable () -> Int64 = { [clock] in clock.now.load(ordering: .relaxed) }
        catalog = SQLiteCatalog(database: database, clock: time)
        queue = SQLiteJobQueue(
            database: database, rules: JobRules(triesMax: 2, retryMilliseconds: 100, retryMillisecondsMax: 100),
            clock: time)
    }

    let result = TranscodeResult(
        durationMilliseconds: 12000, width: 640, height: 360,
        segments: [
            PublishedSegment(rendition: "360p", index: 0, durationMilliseconds: 6000, bytes: 10, key: "v/a/360p/0.m4s"),
            PublishedSegment(
                rendition: "1080p", index: 0, durationMilliseconds: 6000, bytes: 9, key: "v/a/1080p/0.m4s"),
            PublishedSegment(
                rendition: "audio", index: 0, durationMilliseconds: 6000, bytes: 3, key: "v/a/audio/0.m4s"),
        ])

    func enqueued(_ title: String = "Clip", owner: String = "") async throws -> String {
        let video = try await catalog.createVideo(title: title, description: "", owner: owner)
        try await queue.enqueue(videoID: video.id)
        return video.id
    }

    func video(_ id: String) async throws -> Video { try await catalog.video(id: id) }

    @Test func aJobsLastPartPublishesEverythingAtOnce() async throws {
        let video = try await catalog.createVideo(title: "Clip", description: "")
        #expect(video.status == .uploading)
        #expect(try await queue.lease(worker: "w", durationMilliseconds: 1000) == nil)
        try await queue.enqueue(videoID: video.id)
        try await queue.enqueue(videoID: video.id)
        #expect(try await self.video(video.id).status == .processing)
        try await queue.planNext([.whole, .assembly])
        let whole = try await queue.leaseNext()
        #expect(whole.videoID == video.id)
        #expect(whole.kind == .whole)
        #expect(whole.work == "work of whole")
        #expect(whole.plan == "the plan")
        #expect(whole.attempt == 1)
        #expect(try await queue.lease(worker: "other", durationMilliseconds: 1000) == nil)
        #expect(try await queue.complete(whole, outcome: PartOutcome(notes: ["frames": "12"])) == .partDone)
        let assembly = try await queue.leaseNext()
        #expect(try await queue.publication(assembly).notes == ["frames": "12"])
        #expect(try await queue.complete(assembly, outcome: PartOutcome(result: result)) == .jobDone)
        let ready = try await self.video(video.id)
        #expect(ready.status == .ready && ready.isPlayable)
        #expect(ready.progressPercent == 100)
        #expect(ready.durationMilliseconds == 12000)
        #expect(try await catalog.renditions(ids: [video.id, "none"]) == [video.id: ["360p", "1080p"]])
        #expect(try await catalog.segments(videoID: video.id).count == 3)
        #expect(try await queue.complete(assembly, outcome: PartOutcome(result: result)) == .lost)
        try await queue.enqueue(videoID: video.id)
        #expect(try await queue.lease(worker: "w", durationMilliseconds: 1000) == nil)
    }

    @Test func aSilentWorkerLosesItsPartToTheNext() async throws {
        let id = try await enqueued()
        try await queue.planNext()
        let first = try await queue.leaseNext("a")
        clock.advance(1000)
        let second = try await queue.leaseNext("b")
        #expect(second.part == first.part)
        #expect(second.attempt == 2)
        #expect(try await queue.heartbeat(first, durationMilliseconds: 1000, progress: WorkProgress()) == .lost)
        #expect(try await queue.note(first, renditions: [], segments: []) == false)
        #expect(try await queue.announced(first, renditions: []) == false)
        #expect(try await queue.complete(first, outcome: PartOutcome()) == .lost)
        #expect(try await video(id).status == .processing)
        clock.advance(1000)
        #expect(try await queue.lease(worker: "c", durationMilliseconds: 1000) == nil)
        let failed = try await video(id)
        #expect(failed.status == .failed)
        #expect(failed.failureReason == "The transcoder stopped without a word 2 times while it worked on this file.")
        let tries = try await queue.tries(videoID: id, failed: true, limit: 10)
        #expect(tries.map(\.worker) == ["b", "a"])
        #expect(tries.allSatisfy { $0.outcome == "silent" && $0.kind == .whole })
        let figures = try await queue.figures()
        #expect(figures.counters == ["leases": 3, "done": 1, "silent": 2, "set_aside": 1])
        #expect(figures.jobs == [.setAside: 1])
    }

    @Test func aPoisonedPartSetsItsJobAsideWithItsLog() async throws {
        let id = try await enqueued()
        try await queue.planNext()
        let failure = PartFailure(
            reason: "It crashed.", outcome: "crashed", log: String(repeating: "x", count: 20_000) + "the end")
        #expect(try await queue.fail(queue.leaseNext(), failure) == .retryAt(1_000_100))
        #expect(try await queue.lease(worker: "a", durationMilliseconds: 1000) == nil)
        #expect(try await video(id).status == .processing)
        clock.advance(100)
        #expect(try await queue.fail(queue.leaseNext(), failure) == .setAside)
        let failed = try await video(id)
        #expect(failed.status == .failed)
        #expect(failed.failureReason == "It crashed.")
        let tries = try await queue.tries(videoID: id, failed: true, limit: 10)
        #expect(tries.map(\.attempt) == [2, 1])
        #expect(tries[0].log.utf8.count == PartFailure.logBytesMax && tries[0].log.hasSuffix("the end"))
        let report = try #require(try await queue.report(videoID: id))
        #expect(report.phase == .setAside)
        #expect(report.parts.map(\.state.phase) == [.done, .setAside, .waiting])
        #expect(report.parts[1].lastFailure == "It crashed.")
        #expect(try await queue.figures().counters["failed_crashed"] == 2)
        #expect(try await queue.figures().counters["retries"] == 1)
        // An operator may try again; what is done is not done twice.
        #expect(try await queue.restart(videoID: id))
        #expect(try await video(id).status == .processing)
        #expect(try await queue.leaseNext().attempt == 3)
        #expect(try await queue.restart(videoID: id) == false)
    }

    @Test func aCancelledJobIsLostAndItsVideoFailed() async throws {
        let id = try await enqueued()
        #expect(try await queue.cancel(videoID: "none") == false)
        try await queue.planNext()
        let lease = try await queue.leaseNext()
        #expect(try await queue.cancel(videoID: id))
        #expect(try await queue.heartbeat(lease, durationMilliseconds: 1000, progress: WorkProgress()) == .lost)
        #expect(try await video(id).failureReason == "Processing was cancelled.")
        #expect(try await queue.cancel(videoID: id) == false)
        #expect(try await queue.tries(videoID: id, failed: false, limit: 9).map(\.outcome) == ["stopped", "done"])
        #expect(try await queue.figures().counters["cancelled"] == 1)
    }

    @Test func aReleasedPartIsGivenOutAtOnce() async throws {
        _ = try await enqueued()
        let first = try await queue.leaseNext()
        #expect(try await queue.depth() == 1)
        try await queue.release(first)
        #expect(try await queue.depth() == 1)
        let again = try await queue.leaseNext()
        #expect(again.attempt == 2)
        try await queue.release(first)
        #expect(try await queue.lease(worker: "w", durationMilliseconds: 1000) == nil)
    }

    @Test func theHeadOfANewVideoGoesBeforeTheChunksOfAnOldOne() async throws {
        let old = try await enqueued()
        try await queue.planNext([.head, .chunk, .chunk, .pictures, .assembly])
        #expect(try await queue.complete(queue.leaseNext(), outcome: PartOutcome()) == .partDone)
        clock.advance(60_000)
        let new = try await enqueued()
        let plan = try await queue.leaseNext()
        #expect(plan.videoID == new)
        let chunk = try await queue.leaseNext()
        #expect(chunk.videoID == old && chunk.kind == .chunk && chunk.part == 2)
        let next = try await queue.leaseNext()
        #expect(next.videoID == old && next.part == 3)
    }

    @Test func ownersTakeTurns() async throws {
        var owners: [String: String] = [:]
        for index in 0..<4 {
            owners[try await enqueued(owner: "many")] = "many"
            if index == 3 { owners[try await enqueued(owner: "one")] = "one" }
            clock.advance(10)
        }
        var turns: [String?] = []
        for _ in 0..<3 {
            let lease = try await queue.leaseNext()
            clock.advance(500)
            turns.append(owners[lease.videoID])
        }
        #expect(turns == ["many", "one", "many"])
    }

    @Test func aPopularVideoGoesFirst() async throws {
        _ = try await enqueued()
        clock.advance(10_000)
        let popular = try await enqueued()
        for viewer in 0..<10 {
            try await catalog.recordWatch(
                videoID: popular, session: "\(viewer)", positionMilliseconds: 0, newViewMilliseconds: 1000)
        }
        #expect(try await queue.leaseNext().videoID == popular)
    }

    @Test func progressOnlyGrowsAndTellsTheTimeLeft() async throws {
        let id = try await enqueued()
        try await queue.planNext([.chunk, .chunk, .assembly], seconds: 100)
        let lease = try await queue.leaseNext()
        #expect(try await video(id).secondsLeft == nil)
        clock.advance(500)
        let half = WorkProgress(fraction: 0.5, seconds: ["720p": 25, "240p": 50])
        #expect(try await queue.heartbeat(lease, durationMilliseconds: 1000, progress: half) == .extended)
        var seen = try await video(id)
        #expect(seen.progressPercent == 25)
        #expect(seen.secondsLeft == 1.5)
        #expect(
            seen.rungs == [
                RungProgress(name: "240p", percent: 50, secondsLeft: 0.5),
                RungProgress(name: "720p", percent: 25, secondsLeft: 1.5),
            ])
        #expect(try await abs(queue.figures().videoSecondsWaiting - 75) < 1e-6)
        // The part is tried again by another worker and begins at the beginning.
        clock.advance(1000)
        let second = try await queue.leaseNext()
        let little = WorkProgress(fraction: 0.1, seconds: ["720p": 5])
        #expect(try await queue.heartbeat(second, durationMilliseconds: 1000, progress: little) == .extended)
        seen = try await video(id)
        #expect(seen.progressPercent == 25)
        #expect(seen.rungs.map(\.percent) == [50, 25])
        for fraction in [-1.0, 2.0, .nan, .infinity] {
            let wild = WorkProgress(fraction: fraction, seconds: ["720p": fraction])
            #expect(try await queue.heartbeat(second, durationMilliseconds: 1000, progress: wild) == .extended)
        }
        seen = try await video(id)
        #expect(seen.progressPercent == 50)
        #expect(seen.rungs.map(\.percent) == [50, 25])
    }

    @Test func whatAPartNotesStaysAndMakesTheVideoPlayable() async throws {
        let id = try await enqueued()
        try await queue.planNext([.head, .chunk, .assembly])
        let head = try await queue.leaseNext()
        let rendition = JobRendition(name: "240p", isVideo: true, info: "first")
        let segment = JobSegment(rendition: "240p", number: 0, part: 1, info: "a")
        #expect(try await queue.note(head, renditions: [rendition], segments: [segment]))
        let again = [
            JobSegment(rendition: "240p", number: 0, part: 1, info: "b"),
            JobSegment(rendition: "240p", number: 1, part: 1, info: "c"),
        ]
        #expect(
            try await queue.note(
                head, renditions: [JobRendition(name: "240p", isVideo: true, info: "second")], segments: again))
        var publication = try await queue.publication(head)
        #expect(publication.renditions == [rendition])
        #expect(publication.segments == [segment, again[1]])
        #expect(publication.announced == [] && publication.isGrowing)
        #expect(try await !video(id).isPlayable)
        #expect(try await queue.announced(head, renditions: ["240p"]))
        #expect(try await video(id).isPlayable)
        #expect(try await video(id).status == .processing)
        #expect(try await catalog.renditions(ids: [id]) == [id: ["240p"]])
        #expect(try await queue.complete(head, outcome: PartOutcome()) == .partDone)
        #expect(try await queue.complete(queue.leaseNext(), outcome: PartOutcome()) == .partDone)
        let assembly = try await queue.leaseNext()
        publication = try await queue.publication(assembly)
        #expect(publication.announced == ["240p"] && !publication.isGrowing)
    }

    @Test func twoProcessesMayOpenTheSameFile() async throws {
        let id = try await enqueued()
        let other = SQLiteJobQueue(
            database: try CatalogDatabase(path: folder.path + "/state/catalog.sqlite"), rules: JobRules(triesMax: 2))
        let lease = try #require(try await other.lease(worker: "other", durationMilliseconds: 60000))
        #expect(lease.videoID == id)
        #expect(try await queue.lease(worker: "a", durationMilliseconds: 1000) == nil)
    }

    @Test func manyWorkersOnTwoConnectionsNeverShareAPart() async throws {
        _ = try await enqueued()
        try await queue.planNext([.head] + [PartKind](repeating: .chunk, count: 20) + [.assembly])
        #expect(try await queue.complete(queue.leaseNext(), outcome: PartOutcome()) == .partDone)
        let second = SQLiteJobQueue(
            database: try CatalogDatabase(path: folder.path + "/state/catalog.sqlite"), rules: JobRules(triesMax: 2),
            clock: { [clock] in clock.now.load(ordering: .relaxed) })
        let leases = try await withThrowingTaskGroup(of: JobLease?.self) { group in
            for worker in 0..<30 {
                group.addTask { [queue] in
                    try await (worker % 2 == 0 ? queue : second)
                        .lease(worker: "\(worker)", durationMilliseconds: 1000)
                }
            }
            return try await group.reduce(into: [JobLease]()) { list, lease in
                if let lease { list.append(lease) }
            }
        }
        #expect(leases.count == 20)
        #expect(Set(leases.map(\.part)).count == 20)
    }

    @Test func aWaitingWorkerHearsOfAJobAtOnce() async throws {
        let other = SQLiteCatalog(database: try CatalogDatabase(path: folder.path + "/state/catalog.sqlite"))
        let enqueuer = SQLiteJobQueue(
            database: try CatalogDatabase(path: folder.path + "/state/catalog.sqlite"), rules: JobRules(triesMax: 2),
            clock: { 0 })
        let video = try await other.createVideo(title: "Clip", description: "")
        let waiting = Task { [queue] in
            await queue.waitForWork(atMostMilliseconds: 3_600_000)
            return ContinuousClock.now
        }
        try await Task.sleep(for: .milliseconds(300))
        #expect(!waiting.isCancelled)
        let start = ContinuousClock.now
        try await enqueuer.enqueue(videoID: video.id)
        // Far less than the time that it waits for; how long a busy machine takes is not ours to say.
        #expect(await waiting.value - start < .seconds(300))
        #expect(try await queue.lease(worker: "w", durationMilliseconds: 1000) != nil)
        // Nothing is due: the whole time passes.
        let idle = ContinuousClock.now
        await queue.waitForWork(atMostMilliseconds: 200)
        #expect(ContinuousClock.now - idle >= .milliseconds(200))
    }
}
