// SPDX-License-Identifier: Apache-2.0

public import Base
import GRDB

/// The queue of transcode jobs in the catalog's own database, so that a job's end and what it publishes are one
/// transaction. The rules are `JobRules` and `JobOrder`; here they are loaded, applied and stored.
public struct SQLiteJobQueue: JobQueue {
    static let cancelledReason = "Processing was cancelled."

    let database: CatalogDatabase
    let rules: JobRules
    let clock: @Sendable () -> Int64
    private let watch: SQLiteQueueWatch

    /// `clock` gives wall-clock milliseconds; tests bring their own. `pollMilliseconds` is how often `waitForWork` looks
    /// whether the database has changed.
    public init(
        database: CatalogDatabase, rules: JobRules, pollMilliseconds: Int = 50,
        clock: @escaping @Sendable () -> Int64 = Clock.wallMilliseconds
    ) {
        self.database = database
        self.rules = rules
        self.clock = clock
        watch = SQLiteQueueWatch(database: database, pollMilliseconds: pollMilliseconds, clock: clock)
    }

    public func enqueue(videoID: String) async throws(BackendError) {
        let now = clock()
        try await database.write { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT status, owner FROM videos WHERE id = ?", arguments: [videoID])
            else { throw BackendError.notFound }
            guard row["status"] == VideoStatus.uploading.rawValue else { return }
            let owner: String = row["owner"]
            let job = JobState(nowMilliseconds: now)
            try database.execute(
                sql: "INSERT INTO jobs (video_id, phase, owner, created_ms) VALUES (?, ?, ?, ?)",
                arguments: [videoID, job.phase.rawValue, owner.isEmpty ? videoID : owner, now])
            let id = database.lastInsertedRowID
            try insert(database, id, job.parts, [PartSpec(kind: .plan, weight: 0)])
            try setStatus(database, videoID, .processing, now: now)
        }
    }

    public func lease(worker: String, durationMilliseconds: Int64) async throws(BackendError) -> JobLease? {
        let now = clock()
        return try await database.write { database in
            // Each turn either gives out a part, ends a job for good that is exhausted, or finds nothing.
            while let candidate = JobOrder.first(try candidates(database, now: now)) {
                let stored = try load(database, candidate.jobID)
                var job = stored.state
                let isTakenOver = job.parts[candidate.number].phase == .leased
                let result = rules.lease(
                    &job, part: candidate.number, now: now, durationMilliseconds: durationMilliseconds)
                guard result != .unavailable else { return nil }
                if isTakenOver { try endSilentTry(database, stored, candidate.number, now: now) }
                try store(database, stored, job)
                if result == .leased {
                    return try beginTry(database, stored, job.parts[candidate.number], worker: worker, now: now)
                }
                let reason = Self.silentReason(tries: job.parts[candidate.number].tries)
                try setFailed(database, stored.videoID, reason: reason, now: now)
                try count(database, "set_aside")
            }
            return nil
        }
    }

    public func waitForWork(atMostMilliseconds: Int) async {
        await watch.wait(atMostMilliseconds: atMostMilliseconds)
    }

    public func heartbeat(_ lease: JobLease, durationMilliseconds: Int64, progress: WorkProgress)
        async throws(BackendError) -> HeartbeatResult
    {
        let now = clock()
        return try await database.write { database in
            guard let stored = try loadIfThere(database, lease.jobID) else { return .lost }
            var job = stored.state
            let result = rules.heartbeat(
                &job, part: lease.part, attempt: lease.attempt, now: now, durationMilliseconds: durationMilliseconds)
            guard result == .extended else { return result }
            try store(database, stored, job)
            try storeProgress(database, lease, progress)
            try showProgress(database, lease.jobID, now: now)
            return result
        }
    }

    public func complete(_ lease: JobLease, outcome: PartOutcome) async throws(BackendError) -> CompletionResult {
        precondition(lease.kind != .plan || outcome.parts.last?.kind == .assembly, "a plan ends with the assembly")
        precondition(lease.kind != .assembly || outcome.result != nil, "an assembly has a result")
        let now = clock()
        return try await database.write { database in
            guard let stored = try loadIfThere(database, lease.jobID) else { return .lost }
            var job = stored.state
            let first = job.parts.count
            guard first + outcome.parts.count <= JobRules.partsMax else {
                throw BackendError.conflict(
                    "the plan has \(outcome.parts.count) parts; \(JobRules.partsMax) are allowed")
            }
            let result = rules.complete(
                &job, part: lease.part, attempt: lease.attempt, adding: outcome.parts.map(\.kind), now: now)
            guard result != .lost else { return result }
            try insert(database, lease.jobID, Array(job.parts[first...]), outcome.parts)
            try store(database, stored, job)
            try keep(database, lease, outcome, now: now)
            try endTry(database, lease, outcome: "done", now: now)
            try count(database, "done")
            if result == .jobDone, let media = outcome.result {
                try publish(database, lease, media, now: now)
            } else {
                try showProgress(database, lease.jobID, now: now)
            }
            return result
        }
    }

    public func fail(_ lease: JobLease, _ failure: PartFailure) async throws(BackendError) -> FailureResult {
        let now = clock()
        return try await database.write { database in
            guard let stored = try loadIfThere(database, lease.jobID) else { return .lost }
            var job = stored.state
            let result = rules.fail(
                &job, part: lease.part, attempt: lease.attempt, now: now, final: failure.isFinal)
            guard result != .lost else { return result }
            try store(database, stored, job)
            try endTry(database, lease, outcome: failure.outcome, reason: failure.reason, log: failure.log, now: now)
            try count(database, "failed_\(failure.outcome)")
            if result == .setAside {
                try setFailed(database, lease.videoID, reason: failure.reason, now: now)
                try count(database, "set_aside")
            } else {
                try count(database, "retries")
            }
            return result
        }
    }

    public func release(_ lease: JobLease) async throws(BackendError) {
        let now = clock()
        try await database.write { database in
            guard let stored = try loadIfThere(database, lease.jobID) else { return }
            var job = stored.state
            rules.release(&job, part: lease.part, attempt: lease.attempt, now: now)
            guard job != stored.state else { return }
            try store(database, stored, job)
            try endTry(database, lease, outcome: "released", now: now)
        }
    }

    public func cancel(videoID: String) async throws(BackendError) -> Bool {
        let now = clock()
        return try await database.write { database in
            guard let stored = try latest(database, videoID: videoID) else { return false }
            var job = stored.state
            guard rules.cancel(&job) else { return false }
            try store(database, stored, job)
            try setFailed(database, videoID, reason: Self.cancelledReason, now: now)
            try count(database, "cancelled")
            return true
        }
    }

    public func restart(videoID: String) async throws(BackendError) -> Bool {
        let now = clock()
        return try await database.write { database in
            guard let stored = try latest(database, videoID: videoID) else { return false }
            var job = stored.state
            guard rules.restart(&job, now: now) else { return false }
            try store(database, stored, job)
            try setStatus(database, videoID, .processing, now: now)
            try database.execute(
                sql: """
                    UPDATE videos SET failure_reason = '', is_playable = EXISTS
                        (SELECT 1 FROM job_renditions WHERE job_id = ? AND is_announced = 1) WHERE id = ?
                    """,
                arguments: [stored.id, videoID])
            return true
        }
    }

    static func silentReason(tries: Int) -> String {
        "The transcoder stopped without a word \(tries) \(tries == 1 ? "time" : "times") while it worked on this file."
    }
}
