// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB

/// How far a job has come and how long it will take, without a database or a clock.
public struct JobSpeed: Sendable, Equatable {
    /// Milliseconds since the work began.
    public var elapsedMilliseconds: Int64
    /// Of all work, 0 to 1.
    public var fraction: Double

    public init(elapsedMilliseconds: Int64, fraction: Double) {
        self.elapsedMilliseconds = elapsedMilliseconds
        self.fraction = min(max(fraction.isFinite ? fraction : 0, 0), 1)
    }

    /// By the speed so far; nil while there is none to speak of.
    public var secondsLeft: Double? {
        guard fraction >= 0.005, elapsedMilliseconds > 0 else { return nil }
        return Double(elapsedMilliseconds) / 1000 * (1 - fraction) / fraction
    }
}

/// Progress of parts, and what is shown of it with the video.
extension SQLiteJobQueue {
    /// Progress only grows: a part that is tried again is shown as standing still until it is as far as before.
    func storeProgress(_ database: Database, _ lease: JobLease, _ progress: WorkProgress) throws {
        let fraction = progress.fraction.isFinite ? min(max(progress.fraction, 0), 1) : 0
        try database.execute(
            sql: "UPDATE job_parts SET fraction = max(fraction, ?) WHERE job_id = ? AND number = ?",
            arguments: [fraction, lease.jobID, lease.part])
        for (rendition, seconds) in progress.seconds where seconds.isFinite {
            try database.execute(
                sql: """
                    INSERT INTO job_progress (job_id, rendition, part, seconds) VALUES (?, ?, ?, ?)
                    ON CONFLICT (job_id, rendition, part) DO UPDATE SET seconds = max(seconds, excluded.seconds)
                    """,
                arguments: [lease.jobID, rendition, lease.part, max(0, seconds)])
        }
    }

    /// Writes to the video how far its job is.
    func showProgress(_ database: Database, _ jobID: Int64, now: Int64) throws {
        let row = try Row.fetchOne(
            database,
            sql: """
                SELECT j.video_id, j.planned_ms, j.video_seconds, sum(p.weight) AS total,
                    sum(p.weight * p.fraction) AS done
                FROM jobs j JOIN job_parts p ON p.job_id = j.id WHERE j.id = ?
                """,
            arguments: [jobID])
        guard let row, let videoID: String = row["video_id"] else { return }
        let total: Double = row["total"] ?? 0
        let planned: Int64 = row["planned_ms"]
        guard total > 0, planned > 0 else { return }
        let elapsed = now - planned
        let speed = JobSpeed(elapsedMilliseconds: elapsed, fraction: (row["done"] ?? 0) / total)
        let rungs = try rungProgress(database, jobID, videoSeconds: row["video_seconds"], elapsed: elapsed)
        let json = (try? JSONEncoder().encode(rungs)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        try database.execute(
            sql: """
                UPDATE videos SET progress_percent = max(progress_percent, ?), seconds_left = ?, rungs = ?, updated_ms = ?
                WHERE id = ? AND status = 'PROCESSING'
                """,
            // 100 is what READY says.
            arguments: [min(99.9, speed.fraction * 100), speed.secondsLeft, json, now, videoID])
    }

    private func rungProgress(_ database: Database, _ jobID: Int64, videoSeconds: Double, elapsed: Int64) throws
        -> [RungProgress]
    {
        guard videoSeconds > 0 else { return [] }
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT rendition, sum(seconds) AS seconds FROM job_progress WHERE job_id = ? GROUP BY rendition",
            arguments: [jobID])
        return rows.map { row in
            let speed = JobSpeed(elapsedMilliseconds: elapsed, fraction: (row["seconds"] ?? 0) / videoSeconds)
            return RungProgress(
                name: row["rendition"], percent: (speed.fraction * 1000).rounded() / 10, secondsLeft: speed.secondsLeft)
        }.sorted { (SQLiteCatalog.lines($0.name), $0.name) < (SQLiteCatalog.lines($1.name), $1.name) }
    }
}
