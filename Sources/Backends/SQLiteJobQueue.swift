// SPDX-License-Identifier: Apache-2.0

public import Base
import GRDB

/// The queue of transcode jobs in the catalog's own database, so that a job's end and what it publishes are one
/// transaction. The rules are `JobRules`; here they are loaded, applied and stored.
public struct SQLiteJobQueue: JobQueue {
    private let database: CatalogDatabase
    private let rules: JobRules
    private let clock: @Sendable () -> Int64

    /// `clock` gives wall-clock milliseconds; tests bring their own.
    public init(
        database: CatalogDatabase, rules: JobRules, clock: @escaping @Sendable () -> Int64 = Clock.wallMilliseconds
    ) {
        self.database = database
        self.rules = rules
        self.clock = clock
    }

    public func enqueue(videoID: String) async throws(BackendError) {
        let now = clock()
        try await database.write { database in
            guard
                let status = try String.fetchOne(
                    database, sql: "SELECT status FROM videos WHERE id = ?", arguments: [videoID])
            else { throw BackendError.notFound }
            guard status == VideoStatus.uploading.rawValue else { return }
            let job = JobState(nowMilliseconds: now)
            try database.execute(
                sql: """
                    INSERT INTO jobs (video_id, phase, attempt, tries, due_ms, lease_ends_ms, created_ms)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    videoID, job.phase.rawValue, job.attempt, job.tries, job.dueMilliseconds,
                    job.leaseEndsMilliseconds, now,
                ])
            try setStatus(database, videoID, .processing, now: now)
        }
    }

    public func lease(worker: String, durationMilliseconds: Int64) async throws(BackendError) -> JobLease? {
        let now = clock()
        return try await database.write { database in
            // Each turn either gives out a job, ends for good one that is exhausted, or finds nothing.
            while let (id, videoID, state) = try nextCandidate(database, now: now) {
                var job = state
                switch rules.lease(&job, now: now, durationMilliseconds: durationMilliseconds) {
                case .leased:
                    try store(database, id, job, worker: worker)
                    return JobLease(
                        jobID: id, videoID: videoID, attempt: job.attempt,
                        expiresMilliseconds: job.leaseEndsMilliseconds)
                case .exhausted:
                    try store(database, id, job, worker: worker)
                    try setFailed(database, videoID, reason: Self.silentReason(tries: job.tries), now: now)
                case .unavailable:
                    return nil
                }
            }
            return nil
        }
    }

    public func heartbeat(_ lease: JobLease, durationMilliseconds: Int64, progressPercent: Double)
        async throws(BackendError) -> HeartbeatResult
    {
        let now = clock()
        return try await database.write { database in
            guard var job = try load(database, lease.jobID) else { return .lost }
            let result = rules.heartbeat(
                &job, attempt: lease.attempt, now: now, durationMilliseconds: durationMilliseconds)
            guard result == .extended else { return result }
            try store(database, lease.jobID, job)
            try database.execute(
                sql: """
                    UPDATE videos SET progress_percent = ?, updated_ms = ?
                    WHERE id = ? AND status = 'PROCESSING' AND progress_percent <> ?
                    """,
                arguments: [progress(progressPercent), now, lease.videoID, progress(progressPercent)])
            return result
        }
    }

    public func complete(_ lease: JobLease, result: TranscodeResult) async throws(BackendError) -> Bool {
        let now = clock()
        return try await database.write { database in
            guard var job = try load(database, lease.jobID), rules.complete(&job, attempt: lease.attempt) else {
                return false
            }
            try store(database, lease.jobID, job)
            try publish(database, lease.videoID, result, now: now)
            return true
        }
    }

    public func fail(_ lease: JobLease, reason: String, final: Bool) async throws(BackendError) -> FailureResult {
        let now = clock()
        return try await database.write { database in
            guard var job = try load(database, lease.jobID) else { return .lost }
            let result = rules.fail(&job, attempt: lease.attempt, now: now, final: final)
            guard result != .lost else { return result }
            try store(database, lease.jobID, job)
            try database.execute(
                sql: "UPDATE jobs SET last_failure = ? WHERE id = ?", arguments: [reason, lease.jobID])
            if result == .setAside { try setFailed(database, lease.videoID, reason: reason, now: now) }
            return result
        }
    }

    public func release(_ lease: JobLease) async throws(BackendError) {
        let now = clock()
        try await database.write { database in
            guard var job = try load(database, lease.jobID) else { return }
            rules.release(&job, attempt: lease.attempt, now: now)
            try store(database, lease.jobID, job)
        }
    }

    /// How many jobs wait and how many are held, for the metrics.
    public func depths() async throws(BackendError) -> (queued: Int, leased: Int) {
        try await database.read { database in
            func count(_ phase: JobState.Phase) throws -> Int {
                try Int.fetchOne(
                    database, sql: "SELECT count(*) FROM jobs WHERE phase = ?", arguments: [phase.rawValue]) ?? 0
            }
            return (try count(.queued), try count(.leased))
        }
    }

    static func silentReason(tries: Int) -> String {
        "The transcoder stopped without a word \(tries) \(tries == 1 ? "time" : "times") while it worked on this file."
    }

    // MARK: - Rows

    /// The job that a worker should get: a lease that ended first, then the job that is due for longest.
    private func nextCandidate(_ database: Database, now: Int64) throws -> (Int64, String, JobState)? {
        let columns = "id, video_id, phase, attempt, tries, due_ms, lease_ends_ms"
        let row =
            try Row.fetchOne(
                database,
                sql: """
                    SELECT \(columns) FROM jobs WHERE phase = 'leased' AND lease_ends_ms <= ?
                    ORDER BY lease_ends_ms, id LIMIT 1
                    """, arguments: [now])
            ?? Row.fetchOne(
                database,
                sql: """
                    SELECT \(columns) FROM jobs WHERE phase = 'queued' AND due_ms <= ? ORDER BY due_ms, id LIMIT 1
                    """, arguments: [now])
        guard let row else { return nil }
        return (row["id"], row["video_id"], try state(row))
    }

    private func load(_ database: Database, _ id: Int64) throws -> JobState? {
        let sql = "SELECT phase, attempt, tries, due_ms, lease_ends_ms FROM jobs WHERE id = ?"
        return try Row.fetchOne(database, sql: sql, arguments: [id]).map(state)
    }

    private func state(_ row: Row) throws -> JobState {
        let name: String = row["phase"]
        guard let phase = JobState.Phase(rawValue: name) else {
            throw BackendError.unavailable("a job is in the unknown phase \(name)")
        }
        return JobState(
            phase: phase, attempt: row["attempt"], tries: row["tries"], dueMilliseconds: row["due_ms"],
            leaseEndsMilliseconds: row["lease_ends_ms"])
    }

    private func store(_ database: Database, _ id: Int64, _ job: JobState, worker: String? = nil) throws {
        try database.execute(
            sql: """
                UPDATE jobs SET phase = ?, attempt = ?, tries = ?, due_ms = ?, lease_ends_ms = ?,
                    worker = coalesce(?, worker) WHERE id = ?
                """,
            arguments: [
                job.phase.rawValue, job.attempt, job.tries, job.dueMilliseconds, job.leaseEndsMilliseconds, worker, id,
            ])
    }

    private func setStatus(_ database: Database, _ videoID: String, _ status: VideoStatus, now: Int64) throws {
        try database.execute(
            sql: "UPDATE videos SET status = ?, updated_ms = ? WHERE id = ?",
            arguments: [status.rawValue, now, videoID])
    }

    private func setFailed(_ database: Database, _ videoID: String, reason: String, now: Int64) throws {
        try setStatus(database, videoID, .failed, now: now)
        try database.execute(
            sql: "UPDATE videos SET failure_reason = ? WHERE id = ?", arguments: [reason, videoID])
    }

    private func publish(_ database: Database, _ videoID: String, _ result: TranscodeResult, now: Int64) throws {
        try setStatus(database, videoID, .ready, now: now)
        try database.execute(
            sql: """
                UPDATE videos SET progress_percent = 100, failure_reason = '', duration_ms = ?, width = ?, height = ?
                WHERE id = ?
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
        // What was there before under the same names, and answers that nothing was.
        try SQLitePurgeOutbox.record(database, videoID: videoID, now: now, dueMilliseconds: now)
    }

    private func progress(_ percent: Double) -> Double {
        percent.isFinite ? min(max(percent, 0), 100) : 0
    }
}
