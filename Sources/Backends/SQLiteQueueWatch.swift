// SPDX-License-Identifier: Apache-2.0
//
// Tells when a part may be there to lease. Owned by the queue of one program; its tasks share one small read-only
// connection, because SQLite's count of changes (`PRAGMA data_version`) belongs to a connection. It reads a word of the
// shared memory of the write-ahead log: an idle worker that looks twenty times a second takes less than 1 % of a core.

import GRDB
import Synchronization

/// Waits for changes of the queue that other processes make.
final class SQLiteQueueWatch: Sendable {
    private let database: CatalogDatabase
    private let pollMilliseconds: Int
    private let clock: @Sendable () -> Int64
    /// Nil until somebody waits, and when the file can not be opened: then every look is a query.
    private let connection = Mutex<DatabaseQueue?>(nil)

    init(database: CatalogDatabase, pollMilliseconds: Int, clock: @escaping @Sendable () -> Int64) {
        self.database = database
        self.pollMilliseconds = pollMilliseconds
        self.clock = clock
    }

    /// Returns when a part is due, or after so many milliseconds.
    func wait(atMostMilliseconds: Int) async {
        let deadline = ContinuousClock.now + .milliseconds(atMostMilliseconds)
        var seen: Int?
        var nextDue: Int64 = .max
        while !Task.isCancelled, ContinuousClock.now < deadline {
            let version = await version()
            if version == nil || version != seen || nextDue <= clock() {
                // Most changes are heartbeats of other workers: only a look tells.
                guard let next = try? await nextDueMilliseconds() else { return }
                if next <= clock() { return }
                nextDue = next
                seen = version
            }
            // The only error is the cancellation, which the loop looks at.
            try? await Task.sleep(for: .milliseconds(pollMilliseconds))
        }
    }

    private func version() async -> Int? {
        guard let connection = open() else { return nil }
        return try? await connection.read { try Int.fetchOne($0, sql: "PRAGMA data_version") }
    }

    private func open() -> DatabaseQueue? {
        connection.withLock { connection in
            if connection == nil {
                var configuration = Configuration()
                configuration.readonly = true
                configuration.busyMode = .timeout(CatalogDatabase.busySeconds)
                connection = try? DatabaseQueue(path: database.pool.path, configuration: configuration)
            }
            return connection
        }
    }

    /// When the next part is due or the next lease ends; far away when there is nothing.
    private func nextDueMilliseconds() async throws(BackendError) -> Int64 {
        try await database.read { database in
            try Int64.fetchOne(
                database,
                sql: """
                    SELECT min(at) FROM (SELECT min(due_ms) AS at FROM job_parts WHERE phase = 'queued'
                        UNION ALL SELECT min(lease_ends_ms) FROM job_parts WHERE phase = 'leased')
                    """) ?? .max
        }
    }
}
