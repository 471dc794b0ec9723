// SPDX-License-Identifier: Apache-2.0

import GRDB

/// A job as it is in the database.
struct StoredJob {
    var id: Int64
    var videoID: String
    var plan: String
    var state: JobState
}

/// Jobs, parts and tries as rows.
extension SQLiteJobQueue {
    /// Of each open job the part that it would give out now, with what decides between the jobs.
    func candidates(_ database: Database, now: Int64) throws -> [PartCandidate] {
        let served = try servedMilliseconds(database, now: now)
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT p.job_id, p.number, p.kind, p.due_ms, j.owner, j.video_seconds, coalesce(s.views, 0) AS views
                FROM (
                    SELECT job_id, min(number) AS number FROM (
                        SELECT job_id, number FROM job_parts WHERE phase = 'queued' AND due_ms <= ?
                        UNION ALL
                        SELECT job_id, number FROM job_parts WHERE phase = 'leased' AND lease_ends_ms <= ?)
                    GROUP BY job_id) f
                JOIN job_parts p ON p.job_id = f.job_id AND p.number = f.number
                JOIN jobs j ON j.id = p.job_id
                LEFT JOIN video_stats s ON s.video_id = j.video_id
                """,
            arguments: [now, now])
        return try rows.map { row in
            let owner: String = row["owner"]
            return PartCandidate(
                jobID: row["job_id"], number: row["number"], kind: try kind(row["kind"]),
                dueMilliseconds: row["due_ms"], videoSeconds: row["video_seconds"], views: row["views"],
                servedMilliseconds: served[owner] ?? 0)
        }
    }

    /// How long workers were busy for each owner in the last while.
    private func servedMilliseconds(_ database: Database, now: Int64) throws -> [String: Int64] {
        let since = now - JobOrder.servedWindowMilliseconds
        var served: [String: Int64] = [:]
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT j.owner, sum(coalesce(t.ended_ms, ?) - max(t.started_ms, ?)) AS served
                FROM job_tries t JOIN jobs j ON j.id = t.job_id
                WHERE t.ended_ms > ? OR t.ended_ms IS NULL GROUP BY j.owner
                """,
            arguments: [now, since, since])
        for row in rows { served[row["owner"]] = row["served"] }
        return served
    }

    func load(_ database: Database, _ id: Int64) throws -> StoredJob {
        guard let job = try loadIfThere(database, id) else { throw BackendError.notFound }
        return job
    }

    /// Nil when the job is gone: its video was deleted.
    func loadIfThere(_ database: Database, _ id: Int64) throws -> StoredJob? {
        let sql = "SELECT id, video_id, phase, plan FROM jobs WHERE id = ?"
        return try Row.fetchOne(database, sql: sql, arguments: [id]).map { try job(database, $0) }
    }

    /// A video's latest job.
    func latest(_ database: Database, videoID: String) throws -> StoredJob? {
        let sql = "SELECT id, video_id, phase, plan FROM jobs WHERE video_id = ? ORDER BY id DESC LIMIT 1"
        return try Row.fetchOne(database, sql: sql, arguments: [videoID]).map { try job(database, $0) }
    }

    private func job(_ database: Database, _ row: Row) throws -> StoredJob {
        let name: String = row["phase"]
        guard let phase = JobState.Phase(rawValue: name) else {
            throw BackendError.unavailable("a job is in the unknown phase \(name)")
        }
        let id: Int64 = row["id"]
        let parts = try Row.fetchAll(
            database,
            sql: """
                SELECT number, kind, phase, attempt, tries, due_ms, lease_ends_ms FROM job_parts
                WHERE job_id = ? ORDER BY number
                """,
            arguments: [id]
        ).map(part)
        guard parts.enumerated().allSatisfy({ $0 == $1.number }) else {
            throw BackendError.unavailable("the parts of job \(id) have gaps")
        }
        return StoredJob(
            id: id, videoID: row["video_id"], plan: row["plan"], state: JobState(phase: phase, parts: parts))
    }

    func part(_ row: Row) throws -> PartState {
        let name: String = row["phase"]
        guard let phase = PartState.Phase(rawValue: name) else {
            throw BackendError.unavailable("a part is in the unknown phase \(name)")
        }
        return PartState(
            number: row["number"], kind: try kind(row["kind"]), phase: phase, attempt: row["attempt"],
            tries: row["tries"], dueMilliseconds: row["due_ms"], leaseEndsMilliseconds: row["lease_ends_ms"])
    }

    private func kind(_ name: String) throws -> PartKind {
        guard let kind = PartKind(rawValue: name) else {
            throw BackendError.unavailable("a part is of the unknown kind \(name)")
        }
        return kind
    }

    func insert(_ database: Database, _ id: Int64, _ parts: [PartState], _ specs: [PartSpec]) throws {
        for (part, spec) in zip(parts, specs) {
            try database.execute(
                sql: """
                    INSERT INTO job_parts (job_id, number, kind, work, weight, phase, due_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, part.number, part.kind.rawValue, spec.work, spec.weight, part.phase.rawValue,
                    part.dueMilliseconds,
                ])
        }
    }

    /// Writes what the rules have changed.
    func store(_ database: Database, _ old: StoredJob, _ job: JobState) throws {
        if job.phase != old.state.phase {
            try database.execute(
                sql: "UPDATE jobs SET phase = ? WHERE id = ?", arguments: [job.phase.rawValue, old.id])
        }
        for (before, part) in zip(old.state.parts, job.parts) where part != before {
            try database.execute(
                sql: """
                    UPDATE job_parts SET phase = ?, attempt = ?, tries = ?, due_ms = ?, lease_ends_ms = ?
                    WHERE job_id = ? AND number = ?
                    """,
                arguments: [
                    part.phase.rawValue, part.attempt, part.tries, part.dueMilliseconds, part.leaseEndsMilliseconds,
                    old.id, part.number,
                ])
        }
    }

    // MARK: - Tries

    func beginTry(_ database: Database, _ job: StoredJob, _ part: PartState, worker: String, now: Int64) throws
        -> JobLease
    {
        try database.execute(
            sql: "UPDATE job_parts SET worker = ? WHERE job_id = ? AND number = ?",
            arguments: [worker, job.id, part.number])
        try database.execute(
            sql: "INSERT INTO job_tries (job_id, part, attempt, worker, started_ms) VALUES (?, ?, ?, ?, ?)",
            arguments: [job.id, part.number, part.attempt, worker, now])
        try count(database, "leases")
        let work = try String.fetchOne(
            database, sql: "SELECT work FROM job_parts WHERE job_id = ? AND number = ?",
            arguments: [job.id, part.number])
        return JobLease(
            jobID: job.id, videoID: job.videoID, part: part.number, kind: part.kind, work: work ?? "", plan: job.plan,
            attempt: part.attempt, expiresMilliseconds: part.leaseEndsMilliseconds)
    }

    func endTry(
        _ database: Database, _ lease: JobLease, outcome: String, reason: String = "", log: String = "", now: Int64
    ) throws {
        try database.execute(
            sql: """
                UPDATE job_tries SET ended_ms = ?, outcome = ?, reason = ?, log = ?
                WHERE job_id = ? AND part = ? AND attempt = ?
                """,
            arguments: [
                now, outcome, reason, String(decoding: log.utf8.suffix(PartFailure.logBytesMax), as: UTF8.self),
                lease.jobID, lease.part, lease.attempt,
            ])
        guard !reason.isEmpty else { return }
        try database.execute(
            sql: "UPDATE job_parts SET last_failure = ? WHERE job_id = ? AND number = ?",
            arguments: [reason, lease.jobID, lease.part])
    }

    /// The lease of a part ended and its holder said nothing.
    func endSilentTry(_ database: Database, _ job: StoredJob, _ number: Int, now: Int64) throws {
        try database.execute(
            sql: """
                UPDATE job_tries SET ended_ms = ?, outcome = 'silent', reason = 'The worker stopped without a word.'
                WHERE job_id = ? AND part = ? AND ended_ms IS NULL
                """,
            arguments: [min(now, job.state.parts[number].leaseEndsMilliseconds), job.id, number])
        try count(database, "silent")
    }

    /// Adds one to a count of all programs.
    func count(_ database: Database, _ name: String) throws {
        try database.execute(
            sql: """
                INSERT INTO job_counters (name, value) VALUES (?, 1)
                ON CONFLICT (name) DO UPDATE SET value = value + 1
                """,
            arguments: [name])
    }

    // MARK: - Videos

    func setStatus(_ database: Database, _ videoID: String, _ status: VideoStatus, now: Int64) throws {
        try database.execute(
            sql: "UPDATE videos SET status = ?, updated_ms = ? WHERE id = ?",
            arguments: [status.rawValue, now, videoID])
    }

    func setFailed(_ database: Database, _ videoID: String, reason: String, now: Int64) throws {
        try setStatus(database, videoID, .failed, now: now)
        try database.execute(
            sql: """
                UPDATE videos SET failure_reason = ?, is_playable = 0, seconds_left = NULL, rungs = '' WHERE id = ?
                """,
            arguments: [reason, videoID])
        // Tries that were cut short: who works on them is told at the next heartbeat.
        try database.execute(
            sql: """
                UPDATE job_tries SET ended_ms = ?, outcome = 'stopped' WHERE ended_ms IS NULL
                    AND job_id IN (SELECT id FROM jobs WHERE video_id = ?)
                """,
            arguments: [now, videoID])
    }
}
