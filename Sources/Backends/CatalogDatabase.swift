// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// The SQLite file that holds the catalog and the job queue. The origin and the workers open it side by side:
/// write-ahead logging lets readers go on while one process writes, and a writer waits its turn.
public final class CatalogDatabase: Sendable {
    /// How long a writer waits for another one before it gives up.
    static let busySeconds = 10.0

    let pool: DatabasePool

    /// Opens the file, makes it and its folder when needed, and brings its tables up to date.
    public init(path: String) throws(BackendError) {
        do {
            let folder = (path as NSString).deletingLastPathComponent
            if !folder.isEmpty {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }
            var configuration = GRDB.Configuration()
            configuration.busyMode = .timeout(Self.busySeconds)
            configuration.foreignKeysEnabled = true
            configuration.maximumReaderCount = 4
            pool = try Self.open(path, configuration)
        } catch {
            throw .unavailable("\(path): \(error)")
        }
    }

    private static func open(_ path: String, _ configuration: GRDB.Configuration) throws -> DatabasePool {
        // Two programs that start at once on a new file both want to make its tables: the second one finds them made
        // when it tries again.
        for _ in 0..<4 {
            do {
                let pool = try DatabasePool(path: path, configuration: configuration)
                try migrator.migrate(pool)
                return pool
            } catch is DatabaseError {
                Thread.sleep(forTimeInterval: 0.1)
            }
        }
        let pool = try DatabasePool(path: path, configuration: configuration)
        try migrator.migrate(pool)
        return pool
    }

    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws(BackendError)
        -> Value
    {
        do {
            return try await pool.read(body)
        } catch {
            throw Self.backendError(error)
        }
    }

    /// Runs `body` in one transaction: all of it happens, or nothing.
    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws(BackendError)
        -> Value
    {
        do {
            return try await pool.write(body)
        } catch {
            throw Self.backendError(error)
        }
    }

    private static func backendError(_ error: any Error) -> BackendError {
        (error as? BackendError) ?? .unavailable("\(error)")
    }

    /// The tables. A migration that was released is never changed; a new one is added behind it.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1-videos") { database in
            try database.execute(sql: firstTables)
        }
        migrator.registerMigration("2-purges") { database in
            try database.execute(sql: purgeTables)
        }
        migrator.registerMigration("3-parts") { database in
            try database.execute(sql: JobTables.parts)
        }
        return migrator
    }

    // Times are wall-clock milliseconds since 1970. `rowid` tables only where a number of our own is wanted.
    private static let firstTables = """
        CREATE TABLE videos (
            id TEXT NOT NULL PRIMARY KEY,
            title TEXT NOT NULL,
            description TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('UPLOADING', 'PROCESSING', 'READY', 'FAILED')),
            progress_percent REAL NOT NULL DEFAULT 0,
            failure_reason TEXT NOT NULL DEFAULT '',
            duration_ms INTEGER NOT NULL DEFAULT 0,
            width INTEGER NOT NULL DEFAULT 0,
            height INTEGER NOT NULL DEFAULT 0,
            created_ms INTEGER NOT NULL,
            updated_ms INTEGER NOT NULL
        ) WITHOUT ROWID;
        -- The list of videos, newest first, of all or of one status.
        CREATE INDEX videos_by_creation ON videos (created_ms, id);
        CREATE INDEX videos_by_status ON videos (status, created_ms, id);

        CREATE TABLE video_segments (
            video_id TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
            rendition TEXT NOT NULL,
            number INTEGER NOT NULL,
            duration_ms INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            object_key TEXT NOT NULL,
            PRIMARY KEY (video_id, rendition, number)
        ) WITHOUT ROWID;

        CREATE TABLE watch_history (
            video_id TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
            session TEXT NOT NULL,
            position_ms INTEGER NOT NULL,
            started_ms INTEGER NOT NULL,
            updated_ms INTEGER NOT NULL,
            PRIMARY KEY (video_id, session)
        ) WITHOUT ROWID;
        -- What a session saw last.
        CREATE INDEX watch_history_by_session ON watch_history (session, updated_ms);
        -- What is old enough to be forgotten.
        CREATE INDEX watch_history_by_age ON watch_history (updated_ms);

        CREATE TABLE video_stats (
            video_id TEXT NOT NULL PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
            views INTEGER NOT NULL DEFAULT 0,
            last_viewed_ms INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID;
        CREATE INDEX video_stats_by_views ON video_stats (views);

        CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            video_id TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
            phase TEXT NOT NULL CHECK (phase IN ('queued', 'leased', 'done', 'setAside')),
            attempt INTEGER NOT NULL,
            tries INTEGER NOT NULL,
            due_ms INTEGER NOT NULL,
            lease_ends_ms INTEGER NOT NULL,
            worker TEXT NOT NULL DEFAULT '',
            last_failure TEXT NOT NULL DEFAULT '',
            created_ms INTEGER NOT NULL
        );
        -- At most one live job for a video, whoever asks at the same time.
        CREATE UNIQUE INDEX jobs_live ON jobs (video_id) WHERE phase IN ('queued', 'leased');
        CREATE INDEX jobs_by_video ON jobs (video_id);
        -- What to lease next: due jobs, and leases that ended.
        CREATE INDEX jobs_due ON jobs (due_ms, id) WHERE phase = 'queued';
        CREATE INDEX jobs_leases ON jobs (lease_ends_ms, id) WHERE phase = 'leased';
        """

    private static let purgeTables = """
        -- What caches have to forget: written with the change that makes it so, removed when all have confirmed.
        CREATE TABLE purges (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            surrogate_key TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            due_ms INTEGER NOT NULL,
            is_planned INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX purges_unplanned ON purges (due_ms, id) WHERE is_planned = 0;
        CREATE INDEX purges_by_key ON purges (surrogate_key);

        -- One row for each node that has not confirmed yet. Lower stages come first.
        CREATE TABLE purge_deliveries (
            purge_id INTEGER NOT NULL REFERENCES purges (id) ON DELETE CASCADE,
            node TEXT NOT NULL,
            stage INTEGER NOT NULL,
            failures INTEGER NOT NULL DEFAULT 0,
            due_ms INTEGER NOT NULL,
            PRIMARY KEY (purge_id, node)
        ) WITHOUT ROWID;
        CREATE INDEX purge_deliveries_by_node ON purge_deliveries (node, due_ms, purge_id);
        """
}
