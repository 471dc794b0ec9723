// SPDX-License-Identifier: Apache-2.0
//
// What caches have to forget, kept until each of them has confirmed. A purge is recorded in the transaction of the change
// that makes it needed, by the origin or by a worker. The origin alone plans (one row for each node of its configuration)
// and delivers. Holds no state: everything is in the database.

public import Base
import GRDB

/// A node that is to confirm purges. Nodes of a lower stage come first.
public struct PurgeNode: Sendable, Hashable {
    /// Its administration interface, as text.
    public var name: String
    public var stage: Int

    public init(name: String, stage: Int) {
        self.name = name
        self.stage = stage
    }
}

/// One purge that one node has not confirmed.
public struct PurgeDelivery: Sendable, Equatable {
    public var purgeID: Int64
    public var node: String
    public var surrogateKey: String
    /// Attempts before this one.
    public var failures: Int
}

/// The purges of the catalog's database.
public struct SQLitePurgeOutbox: Sendable {
    /// A deleted video's objects are removed after its row. Its purge waits until they are, and so long at most if the
    /// origin ends in between.
    static let holdMilliseconds: Int64 = 30_000
    private static let retryMilliseconds: Int64 = 500
    /// Rows of one step, so that writers never wait long.
    private static let batchSize = 500

    private let database: CatalogDatabase
    private let retryMillisecondsMax: Int64
    private let clock: @Sendable () -> Int64

    /// `clock` gives wall-clock milliseconds; tests bring their own.
    public init(
        database: CatalogDatabase, retryMillisecondsMax: Int64,
        clock: @escaping @Sendable () -> Int64 = Clock.wallMilliseconds
    ) {
        self.database = database
        self.retryMillisecondsMax = retryMillisecondsMax
        self.clock = clock
    }

    /// Notes in a change's own transaction that caches have to forget a video. One that waits already is made due.
    static func record(_ database: Database, videoID: String, now: Int64, dueMilliseconds: Int64) throws {
        try record(database, key: MediaKeys.video(videoID), now: now, dueMilliseconds: dueMilliseconds)
    }

    /// Notes the same of what carries the surrogate key `key`.
    static func record(_ database: Database, key: String, now: Int64, dueMilliseconds: Int64) throws {
        try database.execute(
            sql: "UPDATE purges SET due_ms = min(due_ms, ?) WHERE surrogate_key = ? AND is_planned = 0",
            arguments: [dueMilliseconds, key])
        guard database.changesCount == 0 else { return }
        try database.execute(
            sql: "INSERT INTO purges (surrogate_key, created_ms, due_ms) VALUES (?, ?, ?)",
            arguments: [key, now, dueMilliseconds])
    }

    /// Forgets what nodes owe that are not among `nodes`: the configuration has changed.
    public func keepOnly(_ nodes: [PurgeNode]) async throws(BackendError) {
        try await database.write { database in
            let marks = databaseQuestionMarks(count: nodes.count)
            try database.execute(
                sql: "DELETE FROM purge_deliveries WHERE node NOT IN (\(marks))",
                arguments: StatementArguments(nodes.map(\.name)))
            try deleteDone(database)
        }
    }

    /// Gives each node its row of the purges that are due; without nodes, nobody has to be told. False when there are more.
    public func plan(_ nodes: [PurgeNode]) async throws(BackendError) -> Bool {
        let now = clock()
        return try await database.write { database in
            let ids = try Int64.fetchAll(
                database,
                sql: "SELECT id FROM purges WHERE is_planned = 0 AND due_ms <= ? ORDER BY due_ms, id LIMIT ?",
                arguments: [now, Self.batchSize])
            for id in ids {
                for node in nodes {
                    try database.execute(
                        sql: "INSERT INTO purge_deliveries (purge_id, node, stage, due_ms) VALUES (?, ?, ?, ?)",
                        arguments: [id, node.name, node.stage, now])
                }
                try database.execute(sql: "UPDATE purges SET is_planned = 1 WHERE id = ?", arguments: [id])
            }
            if nodes.isEmpty { try deleteDone(database) }
            return ids.count < Self.batchSize
        }
    }

    /// True when purges wait to be planned; reads only.
    public func hasUnplanned() async throws(BackendError) -> Bool {
        let now = clock()
        return try await database.read { database in
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM purges WHERE is_planned = 0 AND due_ms <= ?)",
                arguments: [now]) ?? false
        }
    }

    /// Up to `limit` purges that a node is to be told of now: those that every node of a lower stage has confirmed.
    public func due(node: String, limit: Int) async throws(BackendError) -> [PurgeDelivery] {
        let now = clock()
        return try await database.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT d.purge_id, d.node, d.failures, p.surrogate_key
                    FROM purge_deliveries d JOIN purges p ON p.id = d.purge_id
                    WHERE d.node = ? AND d.due_ms <= ? AND NOT EXISTS (
                        SELECT 1 FROM purge_deliveries e WHERE e.purge_id = d.purge_id AND e.stage < d.stage)
                    ORDER BY d.due_ms, d.purge_id LIMIT ?
                    """,
                arguments: [node, now, limit])
            return rows.map {
                PurgeDelivery(
                    purgeID: $0["purge_id"], node: $0["node"], surrogateKey: $0["surrogate_key"],
                    failures: $0["failures"])
            }
        }
    }

    /// The node has confirmed; what all have confirmed is forgotten.
    public func confirm(_ deliveries: [PurgeDelivery]) async throws(BackendError) {
        try await database.write { database in
            for delivery in deliveries {
                try database.execute(
                    sql: "DELETE FROM purge_deliveries WHERE purge_id = ? AND node = ?",
                    arguments: [delivery.purgeID, delivery.node])
                try database.execute(
                    sql: """
                        DELETE FROM purges WHERE id = ? AND is_planned = 1
                        AND NOT EXISTS (SELECT 1 FROM purge_deliveries WHERE purge_id = ?)
                        """,
                    arguments: [delivery.purgeID, delivery.purgeID])
            }
        }
    }

    /// The node did not confirm: each is due again after twice the last wait.
    public func postpone(_ deliveries: [PurgeDelivery]) async throws(BackendError) {
        let now = clock()
        try await database.write { database in
            for delivery in deliveries {
                let due = now + waitMilliseconds(failures: delivery.failures + 1)
                try database.execute(
                    sql: """
                        UPDATE purge_deliveries SET failures = failures + 1, due_ms = ?
                        WHERE purge_id = ? AND node = ?
                        """,
                    arguments: [due, delivery.purgeID, delivery.node])
            }
        }
    }

    /// How many confirmations are missing, and for how long the oldest purge has waited for one.
    public func pending() async throws(BackendError) -> (count: Int, oldestMilliseconds: Int64) {
        let now = clock()
        return try await database.read { database in
            let sql = """
                SELECT (SELECT count(*) FROM purge_deliveries) + (SELECT count(*) FROM purges WHERE is_planned = 0),
                    (SELECT min(created_ms) FROM purges)
                """
            guard let row = try Row.fetchOne(database, sql: sql) else { return (0, 0) }
            let oldest: Int64? = row[1]
            return (row[0], oldest.map { max(0, now - $0) } ?? 0)
        }
    }

    /// The wait after so many attempts that failed: doubling, with an upper bound.
    func waitMilliseconds(failures: Int) -> Int64 {
        var wait = Self.retryMilliseconds
        for _ in 1..<max(failures, 1) where wait < retryMillisecondsMax { wait *= 2 }
        return min(wait, retryMillisecondsMax)
    }

    private func deleteDone(_ database: Database) throws {
        try database.execute(
            sql: """
                DELETE FROM purges WHERE is_planned = 1
                AND NOT EXISTS (SELECT 1 FROM purge_deliveries WHERE purge_id = purges.id)
                """)
    }
}
