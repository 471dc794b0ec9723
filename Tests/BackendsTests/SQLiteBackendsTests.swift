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

    @Test func aDeletedVideoTakesItsJobAndHistoryAlong() async throws {
        let video = try await catalog.createVideo(title: "Clip", description: "")
        try await queue.enqueue(videoID: video.id)
        let lease = try #require(try await queue.lease(worker: "a", durationMilliseconds: 1000))
        try await catalog.recordWatch(
            videoID: video.id, session: "s", positionMilliseconds: 1, newViewMilliseconds: 1000)
        #expect(try await catalog.deleteVideo(id: video.id))
        #expect(try await catalog.deleteVideo(id: video.id) == false)
        #expect(try await queue.heartbeat(lease, durationMilliseconds: 1000, progress: WorkProgress()) == .lost)
        let outcome = PartOutcome(plan: "", parts: [PartSpec(kind: .assembly, weight: 1)])
        #expect(try await queue.complete(lease, outcome: outcome) == .lost)
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

    @Test func theQueriesUseTheirIndexes() async throws {
        let plans = try await database.read { database in
            try [
                "SELECT * FROM videos ORDER BY created_ms DESC, id DESC LIMIT 10",
                "SELECT * FROM videos WHERE status = 'READY' ORDER BY created_ms DESC, id DESC LIMIT 10",
                "SELECT job_id, number FROM job_parts WHERE phase = 'queued' AND due_ms <= 5",
                "SELECT job_id, number FROM job_parts WHERE phase = 'leased' AND lease_ends_ms <= 5",
                "SELECT min(due_ms) FROM job_parts WHERE phase = 'queued'",
                "SELECT id FROM jobs WHERE video_id = 'a' ORDER BY id DESC LIMIT 1",
            ].map { sql in
                try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + sql)
                    .map { row -> String in row["detail"] }.joined(separator: "; ")
            }
        }
        let names = [
            "videos_by_creation", "videos_by_status", "job_parts_due", "job_parts_leases", "job_parts_due",
            "jobs_by_video",
        ]
        #expect(plans.count == names.count)
        for (plan, index) in zip(plans, names) {
            #expect(plan.contains(index) && !plan.contains("TEMP B-TREE"), "\(plan)")
        }
    }
}
