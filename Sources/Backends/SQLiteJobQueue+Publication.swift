// SPDX-License-Identifier: Apache-2.0

import GRDB

/// What the parts of a job publish before it is done, and its end.
extension SQLiteJobQueue {
    public func note(_ lease: JobLease, renditions: [JobRendition], segments: [JobSegment])
        async throws(BackendError) -> Bool
    {
        try await database.write { database in
            guard try isHeld(database, lease) else { return false }
            for rendition in renditions {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO job_renditions (job_id, name, is_video, info) VALUES (?, ?, ?, ?)",
                    arguments: [lease.jobID, rendition.name, rendition.isVideo, rendition.info])
            }
            for segment in segments {
                try database.execute(
                    sql: """
                        INSERT OR IGNORE INTO job_segments (job_id, rendition, number, part, info) VALUES (?, ?, ?, ?, ?)
                        """,
                    arguments: [lease.jobID, segment.rendition, segment.number, segment.part, segment.info])
            }
            return true
        }
    }

    public func renditions(_ lease: JobLease) async throws(BackendError) -> [JobRendition] {
        try await database.read { database in
            let sql = "SELECT * FROM job_renditions WHERE job_id = ? ORDER BY name"
            return try Row.fetchAll(database, sql: sql, arguments: [lease.jobID]).map(rendition)
        }
    }

    public func segmentNumbers(_ lease: JobLease, rendition: String) async throws(BackendError) -> Set<Int> {
        try await database.read { database in
            let sql = "SELECT number FROM job_segments WHERE job_id = ? AND rendition = ?"
            return Set(try Int.fetchAll(database, sql: sql, arguments: [lease.jobID, rendition]))
        }
    }

    private func rendition(_ row: Row) -> JobRendition {
        JobRendition(name: row["name"], isVideo: row["is_video"], info: row["info"])
    }

    public func publication(_ lease: JobLease) async throws(BackendError) -> JobPublication {
        try await database.read { database in
            // The assembly is given out when every other part is done: from then on the final playlists are written.
            let isGrowing =
                try Bool.fetchOne(
                    database,
                    sql: """
                        SELECT EXISTS (SELECT 1 FROM jobs j JOIN job_parts p ON p.job_id = j.id
                            WHERE j.id = ? AND j.phase = 'open' AND p.kind = 'assembly' AND p.phase = 'waiting')
                        """,
                    arguments: [lease.jobID]) ?? false
            let renditions = try Row.fetchAll(
                database, sql: "SELECT * FROM job_renditions WHERE job_id = ? ORDER BY name", arguments: [lease.jobID])
            let segments = try Row.fetchAll(
                database,
                sql: "SELECT * FROM job_segments WHERE job_id = ? ORDER BY rendition, number",
                arguments: [lease.jobID])
            let notes = try Row.fetchAll(
                database, sql: "SELECT name, text FROM job_notes WHERE job_id = ?", arguments: [lease.jobID])
            return JobPublication(
                isGrowing: isGrowing,
                renditions: renditions.map(rendition),
                segments: segments.map {
                    JobSegment(rendition: $0["rendition"], number: $0["number"], part: $0["part"], info: $0["info"])
                },
                announced: renditions.filter { $0["is_announced"] }.map { $0["name"] },
                notes: Dictionary(notes.map { ($0["name"], $0["text"]) }) { $1 })
        }
    }

    public func announced(_ lease: JobLease, renditions: [String]) async throws(BackendError) -> Bool {
        let now = clock()
        return try await database.write { database in
            guard try isHeld(database, lease) else { return false }
            for name in renditions {
                try database.execute(
                    sql: "UPDATE job_renditions SET is_announced = 1 WHERE job_id = ? AND name = ?",
                    arguments: [lease.jobID, name])
            }
            try database.execute(
                sql: "UPDATE videos SET is_playable = 1, updated_ms = ? WHERE id = ? AND status = 'PROCESSING'",
                arguments: [now, lease.videoID])
            return true
        }
    }

    private func isHeld(_ database: Database, _ lease: JobLease) throws -> Bool {
        try Bool.fetchOne(
            database,
            sql: """
                SELECT EXISTS (SELECT 1 FROM jobs j JOIN job_parts p ON p.job_id = j.id
                    WHERE j.id = ? AND j.phase = 'open' AND p.number = ? AND p.phase = 'leased' AND p.attempt = ?)
                """,
            arguments: [lease.jobID, lease.part, lease.attempt]) ?? false
    }

    /// Keeps what a part leaves behind.
    func keep(_ database: Database, _ lease: JobLease, _ outcome: PartOutcome, now: Int64) throws {
        try database.execute(
            sql: "UPDATE job_parts SET fraction = 1 WHERE job_id = ? AND number = ?",
            arguments: [lease.jobID, lease.part])
        if let plan = outcome.plan {
            try database.execute(
                sql:
                    "UPDATE jobs SET plan = ?, planned_ms = ?, video_seconds = coalesce(?, video_seconds) WHERE id = ?",
                arguments: [plan, now, outcome.videoSeconds, lease.jobID])
        }
        for (name, text) in outcome.notes {
            try database.execute(
                sql: """
                    INSERT INTO job_notes (job_id, name, text) VALUES (?, ?, ?)
                    ON CONFLICT (job_id, name) DO UPDATE SET text = excluded.text
                    """,
                arguments: [lease.jobID, name, text])
        }
    }

    /// The video is READY. Segments never change, so caches keep them; playlists were a growing video's until now.
    func publish(_ database: Database, _ lease: JobLease, _ result: TranscodeResult, now: Int64) throws {
        let videoID = lease.videoID
        try setStatus(database, videoID, .ready, now: now)
        try database.execute(
            sql: """
                UPDATE videos SET progress_percent = 100, failure_reason = '', duration_ms = ?, width = ?, height = ?,
                    is_playable = 1, seconds_left = NULL, rungs = '' WHERE id = ?
                """,
            arguments: [result.durationMilliseconds, result.width, result.height, videoID])
        try database.execute(sql: "DELETE FROM video_segments WHERE video_id = ?", arguments: [videoID])
        let insert = try database.makeStatement(
            sql: """
                INSERT INTO video_segments (video_id, rendition, number, duration_ms, bytes, object_key)
                VALUES (?, ?, ?, ?, ?, ?)
                """)
        for segment in result.segments {
            try insert.execute(arguments: [
                videoID, segment.rendition, segment.index, segment.durationMilliseconds, segment.bytes, segment.key,
            ])
        }
        for table in ["job_renditions", "job_segments", "job_notes", "job_progress"] {
            try database.execute(sql: "DELETE FROM \(table) WHERE job_id = ?", arguments: [lease.jobID])
        }
        try SQLitePurgeOutbox.record(
            database, key: MediaKeys.playlists(videoID: videoID), now: now, dueMilliseconds: now)
    }
}
