// SPDX-License-Identifier: Apache-2.0

import GRDB
import Synchronization
import Testing

@testable import Backends

/// The catalog and the queue on a real file, with a clock that the test moves.
@Suite struct SQLiteBackendsTests {
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

    @Test func aCompletedJobPublishesEverythingAtOnce() async throws {
        let video = try await catalog.createVideo(title: "Clip", description: "")
        #expect(video.status == .uploading)
        #expect(video.id.count == 22)
        #expect(try await queue.lease(worker: "w", durationMilliseconds: 1000) == nil)
        try await queue.enqueue(videoID: video.id)
        try await queue.enqueue(videoID: video.id)
        #expect(try await catalog.video(id: video.id).status == .processing)
        let lease = try #require(try await queue.lease(worker: "w", durationMilliseconds: 1000))
        #expect(lease.videoID == video.id)
        #expect(lease.attempt == 1)
        #expect(try await queue.lease(worker: "other", durationMilliseconds: 1000) == nil)
        #expect(try await queue.heartbeat(lease, durationMilliseconds: 1000, progressPercent: 41.5) == .extended)
        #expect(try await catalog.video(id: video.id).progressPercent == 41.5)
        #expect(try await queue.complete(lease, result: result))
        let ready = try await catalog.video(id: video.id)
        #expect(ready.status == .ready)
        #expect(ready.progressPercent == 100)
        #expect(ready.durationMilliseconds == 12000)
        #expect(try await catalog.renditions(ids: [video.id, "none"]) == [video.id: ["360p", "1080p"]])
        #expect(try await catalog.segments(videoID: video.id).count == 3)
        #expect(try await queue.complete(lease, result: result) == false)
        try await queue.enqueue(videoID: video.id)
        #expect(try await queue.lease(worker: "w", durationMilliseconds: 1000) == nil)
    }

    @Test func aSilentWorkerLosesTheJobToTheNext() async throws {
        let video = try await catalog.createVideo(title: "Clip", description: "")
        try await queue.enqueue(videoID: video.id)
        let first = try #require(try await queue.lease(worker: "a", durationMilliseconds: 1000))
        clock.advance(1000)
        let second = try #require(try await queue.lease(worker: "b", durationMilliseconds: 1000))
        #expect(second.jobID == first.jobID)
        #expect(second.attempt == 2)
        #expect(try await queue.heartbeat(first, durationMilliseconds: 1000, progressPercent: 99) == .lost)
        #expect(try await queue.complete(first, result: result) == false)
        #expect(try await catalog.video(id: video.id).status == .processing)
        #expect(try await catalog.segments(videoID: video.id).isEmpty)
        clock.advance(1000)
        #expect(try await queue.lease(worker: "c", durationMilliseconds: 1000) == nil)
        let failed = try await catalog.video(id: video.id)
        #expect(failed.status == .failed)
        #expect(failed.failureReason == "The transcoder stopped without a word 2 times while it worked on this file.")
    }

    @Test func failuresAreTriedAgainThenReported() async throws {
        let video = try await catalog.createVideo(title: "Clip", description: "")
        try await queue.enqueue(videoID: video.id)
        let first = try #require(try await queue.lease(worker: "a", durationMilliseconds: 1000))
        #expect(try await queue.fail(first, reason: "crashed", final: false) == .retryAt(1_000_100))
        #expect(try await queue.lease(worker: "a", durationMilliseconds: 1000) == nil)
        #expect(try await catalog.video(id: video.id).status == .processing)
        clock.advance(100)
        let second = try #require(try await queue.lease(worker: "a", durationMilliseconds: 1000))
        #expect(try await queue.fail(second, reason: "The file is broken.", final: false) == .setAside)
        let failed = try await catalog.video(id: video.id)
        #expect(failed.status == .failed)
        #expect(failed.failureReason == "The file is broken.")
    }

    @Test func theOldestJobComesFirstAndAReleasedOneAtOnce() async throws {
        var ids: [String] = []
        for index in 0..<3 {
            let video = try await catalog.createVideo(title: "\(index)", description: "")
            try await queue.enqueue(videoID: video.id)
            ids.append(video.id)
            clock.advance(10)
        }
        let first = try #require(try await queue.lease(worker: "a", durationMilliseconds: 1000))
        let second = try #require(try await queue.lease(worker: "a", durationMilliseconds: 1000))
        #expect([first.videoID, second.videoID] == Array(ids[..<2]))
        try await queue.release(first)
        #expect(try await queue.depths() == (2, 1))
        let third = try #require(try await queue.lease(worker: "a", durationMilliseconds: 1000))
        #expect(third.videoID == ids[2])
        let again = try #require(try await queue.lease(worker: "a", durationMilliseconds: 1000))
        #expect(again.videoID == ids[0])
        #expect(again.attempt == 2)
    }

    @Test func aDeletedVideoTakesItsJobAndHistoryAlong() async throws {
        let video = try await catalog.createVideo(title: "Clip", description: "")
        try await queue.enqueue(videoID: video.id)
        let lease = try #require(try await queue.lease(worker: "a", durationMilliseconds: 1000))
        try await catalog.recordWatch(
            videoID: video.id, session: "s", positionMilliseconds: 1, newViewMilliseconds: 1000)
        #expect(try await catalog.deleteVideo(id: video.id))
        #expect(try await catalog.deleteVideo(id: video.id) == false)
        #expect(try await queue.heartbeat(lease, durationMilliseconds: 1000, progressPercent: 1) == .lost)
        #expect(try await queue.complete(lease, result: result) == false)
        #expect(try await catalog.watchPosition(videoID: video.id, session: "s") == nil)
        await #expect(throws: BackendError.notFound) { try await catalog.video(id: video.id) }
        await #expect(throws: BackendError.notFound) { try await queue.enqueue(videoID: video.id) }
    }

    @Test func theListIsPagedNewestFirstWithoutGapOrRepeat() async throws {
        var ids: [String] = []
        for index in 0..<7 {
            // Pairs share their millisecond: the identifier decides.
            if index % 2 == 0 { clock.advance(1) }
            ids.append(try await catalog.createVideo(title: "\(index)", description: "").id)
        }
        var seen: [Video] = []
        var cursor: VideoCursor?
        while true {
            let page = try await catalog.videos(status: nil, after: cursor, limit: 3)
            seen += page
            guard let last = page.last else { break }
            cursor = VideoCursor(createdMilliseconds: last.createdMilliseconds, id: last.id)
        }
        #expect(seen.count == 7)
        #expect(Set(seen.map(\.id)) == Set(ids))
        #expect(seen.map(\.createdMilliseconds) == seen.map(\.createdMilliseconds).sorted(by: >))
        #expect(try await catalog.videos(status: .ready, after: nil, limit: 10).isEmpty)
        #expect(try await catalog.countsByStatus() == [.uploading: 7])
    }

    @Test func aSessionCountsOneViewUntilItWasSilentForLong() async throws {
        let video = try await catalog.createVideo(title: "Clip", description: "")
        func report(_ session: String, at position: Int64) async throws {
            try await catalog.recordWatch(
                videoID: video.id, session: session, positionMilliseconds: position, newViewMilliseconds: 1000)
        }
        try await report("a", at: 0)
        clock.advance(900)
        try await report("a", at: 900)
        clock.advance(900)
        try await report("a", at: 1800)
        #expect(try await catalog.stats(videoID: video.id).views == 1)
        try await report("b", at: 0)
        #expect(try await catalog.stats(videoID: video.id).views == 2)
        clock.advance(1000)
        try await report("a", at: 500)
        #expect(try await catalog.stats(videoID: video.id).views == 3)
        #expect(try await catalog.watchPosition(videoID: video.id, session: "a") == 500)
        await #expect(throws: BackendError.notFound) {
            try await catalog.recordWatch(
                videoID: "none", session: "a", positionMilliseconds: 0, newViewMilliseconds: 1000)
        }
    }

    @Test func changesOfTheTitleKeepTheRest() async throws {
        let video = try await catalog.createVideo(title: "Old", description: "Text")
        clock.advance(5)
        let changed = try await catalog.updateVideo(
            id: video.id, title: "New'); DROP TABLE videos; --", description: nil)
        #expect(changed.title == "New'); DROP TABLE videos; --")
        #expect(changed.description == "Text")
        #expect(changed.updatedMilliseconds == video.updatedMilliseconds + 5)
    }

    @Test func twoProcessesMayOpenTheSameFile() async throws {
        let video = try await catalog.createVideo(title: "Clip", description: "")
        try await queue.enqueue(videoID: video.id)
        let other = SQLiteJobQueue(
            database: try CatalogDatabase(path: folder.path + "/state/catalog.sqlite"), rules: JobRules(triesMax: 2))
        let lease = try #require(try await other.lease(worker: "other", durationMilliseconds: 60000))
        #expect(lease.videoID == video.id)
        #expect(try await queue.lease(worker: "a", durationMilliseconds: 1000) == nil)
    }

    @Test func manyWorkersNeverShareAJob() async throws {
        for index in 0..<20 {
            let video = try await catalog.createVideo(title: "\(index)", description: "")
            try await queue.enqueue(videoID: video.id)
        }
        let leases = try await withThrowingTaskGroup(of: JobLease?.self) { group in
            for worker in 0..<30 {
                group.addTask { [queue] in
                    try await queue.lease(worker: "\(worker)", durationMilliseconds: 1000)
                }
            }
            return try await group.reduce(into: [JobLease]()) { list, lease in
                if let lease { list.append(lease) }
            }
        }
        #expect(leases.count == 20)
        #expect(Set(leases.map(\.jobID)).count == 20)
    }

    @Test func theQueriesUseTheirIndexes() async throws {
        let plans = try await database.read { database in
            try [
                "SELECT * FROM videos ORDER BY created_ms DESC, id DESC LIMIT 10",
                "SELECT * FROM videos WHERE status = 'READY' ORDER BY created_ms DESC, id DESC LIMIT 10",
                "SELECT id FROM jobs WHERE phase = 'queued' AND due_ms <= 5 ORDER BY due_ms, id LIMIT 1",
                "SELECT id FROM jobs WHERE phase = 'leased' AND lease_ends_ms <= 5 ORDER BY lease_ends_ms, id LIMIT 1",
            ].map { sql in
                try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + sql)
                    .map { row -> String in row["detail"] }.joined(separator: "; ")
            }
        }
        for (plan, index) in zip(plans, ["videos_by_creation", "videos_by_status", "jobs_due", "jobs_leases"]) {
            #expect(plan.contains(index) && !plan.contains("TEMP B-TREE"), "\(plan)")
        }
    }
}
