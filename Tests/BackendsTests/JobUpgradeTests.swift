// SPDX-License-Identifier: Apache-2.0

import GRDB
import Testing

@testable import Backends

/// A database file of the version before jobs had parts.
@Suite struct JobUpgradeTests {
    @Test func jobsOfAnOldDatabaseGoOnWithTheirPlan() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/catalog.sqlite"
        do {
            let old = try DatabasePool(path: path)
            try CatalogDatabase.migrator.migrate(old, upTo: "2-purges")
            try await old.write { database in
                for (id, status) in [
                    ("queued", "PROCESSING"), ("leased", "PROCESSING"), ("ready", "READY"), ("failed", "FAILED"),
                    ("new", "UPLOADING"),
                ] {
                    try database.execute(
                        sql: """
                            INSERT INTO videos (id, title, description, status, created_ms, updated_ms)
                            VALUES (?, 'Clip', '', ?, 1, 1)
                            """, arguments: [id, status])
                }
                try database.execute(
                    sql: """
                        INSERT INTO jobs (video_id, phase, attempt, tries, due_ms, lease_ends_ms, last_failure, created_ms)
                        VALUES ('queued', 'queued', 1, 1, 500, 0, 'once', 10), ('leased', 'leased', 2, 2, 600, 99999, '', 20),
                            ('ready', 'done', 1, 1, 0, 0, '', 30), ('failed', 'setAside', 3, 3, 0, 0, 'broken', 40);
                        INSERT INTO video_segments VALUES ('ready', '480p', 0, 6000, 10, 'v/ready/480p/0.m4s');
                        """)
            }
            try old.close()
        }
        let database = try CatalogDatabase(path: path)
        let catalog = SQLiteCatalog(database: database, clock: { 1000 })
        let queue = SQLiteJobQueue(database: database, rules: JobRules(triesMax: 3), clock: { 1000 })
        let ready = try await catalog.video(id: "ready")
        #expect(ready.isPlayable && ready.status == .ready)
        #expect(try await catalog.renditions(ids: ["ready"]) == ["ready": ["480p"]])
        #expect(try await !catalog.video(id: "queued").isPlayable)
        let first = try await queue.leaseNext()
        #expect(first.videoID == "queued" && first.kind == .plan && first.attempt == 2)
        let second = try await queue.leaseNext()
        #expect(second.videoID == "leased" && second.attempt == 3)
        #expect(try await queue.lease(worker: "w", durationMilliseconds: 1) == nil)
        let report = try #require(try await queue.report(videoID: "failed"))
        #expect(report.phase == .setAside && report.parts.map(\.lastFailure) == ["broken"])
        #expect(report.parts[0].state.tries == 3)
        #expect(try await queue.report(videoID: "ready")?.phase == .done)
        // The numbers of jobs go on behind the old ones.
        try await queue.enqueue(videoID: "new")
        #expect(try await queue.report(videoID: "new")?.id == 5)
        #expect(try await queue.restart(videoID: "failed"))
        // The second opening finds nothing to do.
        _ = try CatalogDatabase(path: path)
    }
}
