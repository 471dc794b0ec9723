// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import ServiceLifecycle

/// Removes what nobody will come back for: uploads that were never completed, and positions of long ago.
struct Housekeeping: Service {
    private static let intervalSeconds: Int64 = 3600
    /// An upload that was not completed a day after its URL expired is given up.
    static let abandonedMilliseconds: Int64 = 86_400_000
    /// How long a session's position in a video is remembered.
    static let positionMilliseconds: Int64 = 180 * 86_400_000
    /// Rows of one step, so that writers never wait long.
    private static let batchSize = 500

    let catalog: any Catalog
    let store: any ObjectStore
    let presignSeconds: Int
    /// Wall-clock milliseconds; tests bring their own.
    var clock: @Sendable () -> Int64 = Clock.wallMilliseconds

    func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat {
                do {
                    try await tidy()
                } catch {
                    Log.warning("housekeeping failed and is tried again later", ["reason": "\(error)"])
                }
            } while (try? await Task.sleep(for: .seconds(Self.intervalSeconds))) != nil
        }
    }

    /// One round.
    func tidy() async throws {
        let now = clock()
        let uploadsBefore = now - Int64(presignSeconds) * 1000 - Self.abandonedMilliseconds
        while !Task.isCancelled {
            let ids = try await catalog.abandonedUploads(createdBefore: uploadsBefore, limit: Self.batchSize)
            for id in ids {
                _ = try await catalog.deleteVideo(id: id)
                _ = try await store.deleteAll(bucket: "uploads", prefix: "\(id)/")
                Log.info("an abandoned upload was removed", ["video": id])
            }
            if ids.count < Self.batchSize { break }
        }
        let positionsBefore = now - Self.positionMilliseconds
        while !Task.isCancelled {
            let count = try await catalog.forgetPositions(updatedBefore: positionsBefore, limit: Self.batchSize)
            if count < Self.batchSize { break }
        }
    }
}
