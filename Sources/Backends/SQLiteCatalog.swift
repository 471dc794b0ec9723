// SPDX-License-Identifier: Apache-2.0

public import Base
import FoundationEssentials
import GRDB

/// The catalog in the embedded database.
public struct SQLiteCatalog: Catalog {
    private let database: CatalogDatabase
    private let clock: @Sendable () -> Int64

    /// `clock` gives wall-clock milliseconds; tests bring their own.
    public init(database: CatalogDatabase, clock: @escaping @Sendable () -> Int64 = Clock.wallMilliseconds) {
        self.database = database
        self.clock = clock
    }

    public func createVideo(title: String, description: String, owner: String) async throws(BackendError) -> Video {
        let now = clock()
        let video = Video(
            id: makeRandomName(), title: title, description: description, status: .uploading, progressPercent: 0,
            failureReason: "", durationMilliseconds: 0, width: 0, height: 0, createdMilliseconds: now,
            updatedMilliseconds: now)
        try await database.write { database in
            try database.execute(
                sql: """
                    INSERT INTO videos (id, title, description, status, created_ms, updated_ms, owner)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [video.id, title, description, video.status.rawValue, now, now, owner])
        }
        return video
    }

    public func video(id: String) async throws(BackendError) -> Video {
        try await database.read { database in try fetch(database, id) }
    }

    public func videos(ids: [String]) async throws(BackendError) -> [Video] {
        guard !ids.isEmpty else { return [] }
        return try await database.read { database in
            let marks = databaseQuestionMarks(count: ids.count)
            let sql = "SELECT * FROM videos WHERE id IN (\(marks))"
            return try Row.fetchAll(database, sql: sql, arguments: StatementArguments(ids)).map(Self.video)
        }
    }

    public func videos(status: VideoStatus?, after cursor: VideoCursor?, limit: Int)
        async throws(BackendError) -> [Video]
    {
        var conditions: [String] = []
        var arguments: StatementArguments = []
        if let status {
            conditions.append("status = ?")
            arguments += [status.rawValue]
        }
        if let cursor {
            conditions.append("(created_ms, id) < (?, ?)")
            arguments += [cursor.createdMilliseconds, cursor.id]
        }
        arguments += [limit]
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let sql = "SELECT * FROM videos \(filter) ORDER BY created_ms DESC, id DESC LIMIT ?"
        return try await database.read { [arguments] database in
            try Row.fetchAll(database, sql: sql, arguments: arguments).map(Self.video)
        }
    }

    public func updateVideo(id: String, title: String?, description: String?) async throws(BackendError) -> Video {
        let now = clock()
        return try await database.write { database in
            try database.execute(
                sql: """
                    UPDATE videos SET title = coalesce(?, title), description = coalesce(?, description),
                        updated_ms = ? WHERE id = ?
                    """,
                arguments: [title, description, now, id])
            return try fetch(database, id)
        }
    }

    public func deleteVideo(id: String) async throws(BackendError) -> Bool {
        let now = clock()
        return try await database.write { database in
            try database.execute(sql: "DELETE FROM videos WHERE id = ?", arguments: [id])
            guard database.changesCount > 0 else { return false }
            try SQLitePurgeOutbox.record(
                database, videoID: id, now: now, dueMilliseconds: now + SQLitePurgeOutbox.holdMilliseconds)
            return true
        }
    }

    public func purgeVideo(id: String) async throws(BackendError) {
        let now = clock()
        try await database.write { database in
            try SQLitePurgeOutbox.record(database, videoID: id, now: now, dueMilliseconds: now)
        }
    }

    public func renditions(ids: [String]) async throws(BackendError) -> [String: [String]] {
        guard !ids.isEmpty else { return [:] }
        return try await database.read { database in
            let marks = databaseQuestionMarks(count: ids.count)
            let sql = """
                SELECT DISTINCT video_id, rendition FROM video_segments
                WHERE video_id IN (\(marks)) AND rendition GLOB '[0-9]*'
                UNION
                SELECT j.video_id, r.name FROM jobs j JOIN job_renditions r ON r.job_id = j.id
                WHERE j.video_id IN (\(marks)) AND j.phase = 'open' AND r.is_announced = 1 AND r.is_video = 1
                """
            var names: [String: [String]] = [:]
            for row in try Row.fetchAll(database, sql: sql, arguments: StatementArguments(ids + ids)) {
                names[row["video_id"], default: []].append(row["rendition"])
            }
            return names.mapValues { $0.sorted { Self.lines($0) < Self.lines($1) } }
        }
    }

    public func segments(videoID: String) async throws(BackendError) -> [PublishedSegment] {
        try await database.read { database in
            let sql = "SELECT * FROM video_segments WHERE video_id = ? ORDER BY rendition, number"
            return try Row.fetchAll(database, sql: sql, arguments: [videoID]).map { row in
                PublishedSegment(
                    rendition: row["rendition"], index: row["number"], durationMilliseconds: row["duration_ms"],
                    bytes: row["bytes"], key: row["object_key"])
            }
        }
    }

    public func recordWatch(videoID: String, session: String, positionMilliseconds: Int64, newViewMilliseconds: Int64)
        async throws(BackendError)
    {
        let now = clock()
        try await database.write { database in
            _ = try fetch(database, videoID)
            let lastReport = try Int64.fetchOne(
                database, sql: "SELECT updated_ms FROM watch_history WHERE video_id = ? AND session = ?",
                arguments: [videoID, session])
            try database.execute(
                sql: """
                    INSERT INTO watch_history (video_id, session, position_ms, started_ms, updated_ms)
                    VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (video_id, session)
                    DO UPDATE SET position_ms = excluded.position_ms, updated_ms = excluded.updated_ms
                    """,
                arguments: [videoID, session, positionMilliseconds, now, now])
            if let lastReport, now - lastReport < newViewMilliseconds { return }
            try database.execute(
                sql: """
                    INSERT INTO video_stats (video_id, views, last_viewed_ms) VALUES (?, 1, ?)
                    ON CONFLICT (video_id)
                    DO UPDATE SET views = views + 1, last_viewed_ms = excluded.last_viewed_ms
                    """,
                arguments: [videoID, now])
        }
    }

    public func watchPosition(videoID: String, session: String) async throws(BackendError) -> Int64? {
        try await database.read { database in
            try Int64.fetchOne(
                database, sql: "SELECT position_ms FROM watch_history WHERE video_id = ? AND session = ?",
                arguments: [videoID, session])
        }
    }

    public func stats(videoID: String) async throws(BackendError) -> VideoStats {
        try await database.read { database in
            let sql = "SELECT views, last_viewed_ms FROM video_stats WHERE video_id = ?"
            let row = try Row.fetchOne(database, sql: sql, arguments: [videoID])
            return VideoStats(views: row?["views"] ?? 0, lastViewedMilliseconds: row?["last_viewed_ms"] ?? 0)
        }
    }

    public func abandonedUploads(createdBefore milliseconds: Int64, limit: Int)
        async throws(BackendError) -> [String]
    {
        try await database.read { database in
            let sql = """
                SELECT id FROM videos WHERE status = 'UPLOADING' AND created_ms < ? ORDER BY created_ms, id LIMIT ?
                """
            return try String.fetchAll(database, sql: sql, arguments: [milliseconds, limit])
        }
    }

    public func forgetPositions(updatedBefore milliseconds: Int64, limit: Int) async throws(BackendError) -> Int {
        try await database.write { database in
            let sql = """
                DELETE FROM watch_history WHERE (video_id, session) IN
                    (SELECT video_id, session FROM watch_history WHERE updated_ms < ? ORDER BY updated_ms LIMIT ?)
                """
            try database.execute(sql: sql, arguments: [milliseconds, limit])
            return database.changesCount
        }
    }

    public func countsByStatus() async throws(BackendError) -> [VideoStatus: Int] {
        try await database.read { database in
            var counts: [VideoStatus: Int] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT status, count(*) AS n FROM videos GROUP BY status") {
                if let status = VideoStatus(rawValue: row["status"]) { counts[status] = row["n"] }
            }
            return counts
        }
    }

    private func fetch(_ database: Database, _ id: String) throws -> Video {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM videos WHERE id = ?", arguments: [id]) else {
            throw BackendError.notFound
        }
        return try Self.video(row)
    }

    private static func video(_ row: Row) throws -> Video {
        let name: String = row["status"]
        guard let status = VideoStatus(rawValue: name) else {
            throw BackendError.unavailable("a video has the unknown status \(name)")
        }
        return Video(
            id: row["id"], title: row["title"], description: row["description"], status: status,
            progressPercent: row["progress_percent"], failureReason: row["failure_reason"],
            durationMilliseconds: row["duration_ms"], width: row["width"], height: row["height"],
            createdMilliseconds: row["created_ms"], updatedMilliseconds: row["updated_ms"],
            isPlayable: row["is_playable"], secondsLeft: row["seconds_left"], rungs: rungs(row["rungs"]))
    }

    /// What can not be read is left out: it is a display.
    private static func rungs(_ json: String) -> [RungProgress] {
        guard !json.isEmpty else { return [] }
        return (try? JSONDecoder().decode([RungProgress].self, from: Data(json.utf8))) ?? []
    }

    /// `480p` -> 480, to sort renditions by size.
    static func lines(_ rendition: String) -> Int {
        Int(rendition.prefix { $0.isNumber }) ?? 0
    }
}
