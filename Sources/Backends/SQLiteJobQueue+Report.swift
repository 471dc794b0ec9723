// SPDX-License-Identifier: Apache-2.0

import GRDB

/// The queue for people and for metrics.
extension SQLiteJobQueue {
    /// A video's latest job; nil when it never had one.
    public func report(videoID: String) async throws(BackendError) -> JobReport? {
        try await database.read { database in
            guard let job = try latest(database, videoID: videoID),
                let row = try Row.fetchOne(
                    database, sql: "SELECT created_ms, video_seconds FROM jobs WHERE id = ?", arguments: [job.id])
            else { return nil }
            let parts = try Row.fetchAll(
                database, sql: "SELECT * FROM job_parts WHERE job_id = ? ORDER BY number", arguments: [job.id])
            return JobReport(
                id: job.id, phase: job.state.phase, createdMilliseconds: row["created_ms"],
                videoSeconds: row["video_seconds"],
                parts: try parts.map {
                    JobReport.Part(
                        state: try part($0), worker: $0["worker"], fraction: $0["fraction"],
                        lastFailure: $0["last_failure"])
                })
        }
    }

    /// Up to `limit` leases of a video's latest job, the latest first; only those that ended badly when `failed` is true.
    public func tries(videoID: String, failed: Bool, limit: Int) async throws(BackendError) -> [PartTry] {
        try await database.read { database in
            guard let job = try latest(database, videoID: videoID) else { return [] }
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM job_tries WHERE job_id = ? AND (NOT ? OR reason <> '')
                    ORDER BY started_ms DESC, part DESC, attempt DESC LIMIT ?
                    """,
                arguments: [job.id, failed, limit])
            return rows.compactMap { row in
                let number: Int = row["part"]
                guard job.state.parts.indices.contains(number) else { return nil }
                return PartTry(
                    part: number, kind: job.state.parts[number].kind, attempt: row["attempt"], worker: row["worker"],
                    startedMilliseconds: row["started_ms"], endedMilliseconds: row["ended_ms"],
                    outcome: row["outcome"], reason: row["reason"], log: row["log"])
            }
        }
    }

    /// Parts that are due or in work.
    public func depth() async throws(BackendError) -> Int {
        let now = clock()
        return try await database.read { database in
            try Int.fetchOne(
                database,
                sql: """
                    SELECT (SELECT count(*) FROM job_parts WHERE phase = 'queued' AND due_ms <= ?)
                        + (SELECT count(*) FROM job_parts WHERE phase = 'leased')
                    """,
                arguments: [now]) ?? 0
        }
    }

    /// The queue in numbers.
    public func figures() async throws(BackendError) -> QueueFigures {
        let now = clock()
        return try await database.read { database in
            var figures = QueueFigures()
            let open = """
                FROM job_parts p JOIN jobs j ON j.id = p.job_id WHERE j.phase = 'open' AND p.phase
                """
            for row in try Row.fetchAll(
                database,
                sql: "SELECT p.kind, p.phase, count(*) AS n \(open) <> 'done' GROUP BY p.kind, p.phase")
            {
                guard let kind = PartKind(rawValue: row["kind"]), let phase = PartState.Phase(rawValue: row["phase"])
                else { continue }
                figures.parts[kind, default: [:]][phase] = row["n"]
            }
            figures.leased = figures.parts.values.reduce(0) { $0 + ($1[.leased] ?? 0) }
            let due = try Row.fetchOne(
                database, sql: "SELECT count(*) AS n, min(due_ms) AS oldest \(open) = 'queued' AND p.due_ms <= ?",
                arguments: [now])
            figures.due = due?["n"] ?? 0
            let oldest: Int64? = due?["oldest"]
            figures.oldestMilliseconds = oldest.map { max(0, now - $0) } ?? 0
            figures.videoSecondsWaiting =
                try Double.fetchOne(
                    database,
                    sql: """
                        SELECT sum(video_seconds * (1 - done / total)) FROM (
                            SELECT j.video_seconds, sum(p.weight) AS total, sum(p.weight * p.fraction) AS done
                            FROM jobs j JOIN job_parts p ON p.job_id = j.id WHERE j.phase = 'open' GROUP BY j.id)
                        WHERE total > 0
                        """) ?? 0
            for row in try Row.fetchAll(database, sql: "SELECT phase, count(*) AS n FROM jobs GROUP BY phase") {
                if let phase = JobState.Phase(rawValue: row["phase"]) { figures.jobs[phase] = row["n"] }
            }
            for row in try Row.fetchAll(database, sql: "SELECT name, value FROM job_counters") {
                figures.counters[row["name"]] = row["value"]
            }
            return figures
        }
    }
}
