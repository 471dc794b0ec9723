// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import Backends

/// The outbox on a real file, with a clock that the test moves.
@Suite struct SQLitePurgeOutboxTests {
    private final class ManualClock: Sendable {
        let now = Atomic<Int64>(1_000_000)
        func advance(_ milliseconds: Int64) { now.add(milliseconds, ordering: .relaxed) }
    }

    private let folder: TemporaryFolder
    private let database: CatalogDatabase
    private let catalog: SQLiteCatalog
    private let queue: SQLiteJobQueue
    private let outbox: SQLitePurgeOutbox
    private let clock = ManualClock()
    private let shield = PurgeNode(name: "127.0.0.1:9910", stage: 0)
    private let edge = PurgeNode(name: "127.0.0.1:9901", stage: 1)

    init() throws {
        folder = try TemporaryFolder()
        database = try CatalogDatabase(path: folder.path + "/catalog.sqlite")
        let time: @Sendable () -> Int64 = { [clock] in clock.now.load(ordering: .relaxed) }
        catalog = SQLiteCatalog(database: database, clock: time)
        queue = SQLiteJobQueue(database: database, rules: JobRules(triesMax: 2), clock: time)
        outbox = SQLitePurgeOutbox(database: database, retryMillisecondsMax: 4000, clock: time)
    }

    private func keys(_ node: PurgeNode) async throws -> [String] {
        try await outbox.due(node: node.name, limit: 10).map(\.surrogateKey)
    }

    /// A video that a worker has published.
    private func ready() async throws -> String {
        let video = try await catalog.createVideo(title: "Clip", description: "")
        try await queue.enqueue(videoID: video.id)
        try await queue.finishNext(TranscodeResult(durationMilliseconds: 1, width: 2, height: 2, segments: []))
        return video.id
    }

    @Test func publishingIsAPurgeAndAnEdgeWaitsForItsShield() async throws {
        let id = try await ready()
        #expect(try await outbox.hasUnplanned())
        #expect(try await outbox.plan([shield, edge]))
        #expect(try await !outbox.hasUnplanned())
        #expect(try await keys(shield) == ["v/\(id)/playlists"])
        #expect(try await keys(edge) == [])
        #expect(try await outbox.pending().count == 2)
        try await outbox.confirm(outbox.due(node: shield.name, limit: 10))
        #expect(try await keys(shield) == [])
        #expect(try await keys(edge) == ["v/\(id)/playlists"])
        clock.advance(5000)
        #expect(try await outbox.pending().oldestMilliseconds == 5000)
        try await outbox.confirm(outbox.due(node: edge.name, limit: 10))
        #expect(try await outbox.pending() == (0, 0))
    }

    @Test func aNodeThatFailsIsAskedAgainLaterAndLater() async throws {
        _ = try await ready()
        _ = try await outbox.plan([edge])
        for wait in [500, 1000, 2000, 4000, 4000] {
            let due = try await outbox.due(node: edge.name, limit: 10)
            #expect(due.count == 1)
            try await outbox.postpone(due)
            clock.advance(Int64(wait) - 1)
            #expect(try await keys(edge) == [])
            clock.advance(1)
        }
        #expect(try await keys(edge).count == 1)
    }

    /// The objects go after the row: only then is it time to forget.
    @Test func aDeletionWaitsForItsObjects() async throws {
        let id = try await ready()
        _ = try await outbox.plan([])
        #expect(try await outbox.pending().count == 0)
        #expect(try await catalog.deleteVideo(id: id))
        #expect(try await !outbox.hasUnplanned())
        #expect(try await outbox.pending().count == 1)
        try await catalog.purgeVideo(id: id)
        #expect(try await outbox.hasUnplanned())
        _ = try await outbox.plan([edge])
        #expect(try await keys(edge) == ["v/\(id)"])
    }

    /// The origin ended before the objects were gone, or took longer than the wait.
    @Test func aDeletionIsPurgedWhateverHappens() async throws {
        let id = try await ready()
        _ = try await outbox.plan([])
        #expect(try await catalog.deleteVideo(id: id))
        clock.advance(SQLitePurgeOutbox.holdMilliseconds)
        _ = try await outbox.plan([edge])
        #expect(try await keys(edge) == ["v/\(id)"])
        try await outbox.confirm(outbox.due(node: edge.name, limit: 10))
        try await catalog.purgeVideo(id: id)
        _ = try await outbox.plan([edge])
        #expect(try await keys(edge) == ["v/\(id)"])
        #expect(try await catalog.deleteVideo(id: id) == false)
    }

    @Test func whatIsOwedSurvivesARestartAndANodeThatIsNoMoreOwesNothing() async throws {
        let id = try await ready()
        _ = try await outbox.plan([shield, edge])
        let again = SQLitePurgeOutbox(
            database: try CatalogDatabase(path: folder.path + "/catalog.sqlite"), retryMillisecondsMax: 1000,
            clock: { [clock] in clock.now.load(ordering: .relaxed) })
        #expect(try await again.due(node: shield.name, limit: 10).map(\.surrogateKey) == ["v/\(id)/playlists"])
        try await again.keepOnly([edge])
        #expect(try await keys(edge) == ["v/\(id)/playlists"])
        try await again.keepOnly([])
        #expect(try await outbox.pending() == (0, 0))
    }
}
