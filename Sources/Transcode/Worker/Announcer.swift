// SPDX-License-Identifier: Apache-2.0
//
// Writes the playlists of a video in work. Any worker with a part of it does, so each write replaces exactly the playlist
// that was there before what it shows was read: of two writers one wins, the other reads again. So no playlist ever gets
// shorter. Owned by one try of a part and used by its one publishing task.

import Backends
import Base
import HLS

/// Lets a growing video's playlists catch up with what its parts have published.
final class Announcer {
    private static let conflictsMax = 20
    /// Playlists are written no more often.
    private static let intervalMilliseconds: Int64 = 1000
    /// Reading what a long video has published takes a while: this many times as long it is left alone.
    private static let restFactor: Int64 = 10

    private let lease: JobLease
    private let queue: any JobQueue
    private let publisher: MediaPublisher
    private let plan: MediaPlan
    /// Entity tags of the playlists as this one left them; what is not in it is asked for.
    private var tags: [String: PutCondition] = [:]
    /// What those hold.
    private var texts: [String: String] = [:]
    private var dueMilliseconds: Int64 = 0

    init(_ lease: JobLease, queue: any JobQueue, publisher: MediaPublisher, plan: MediaPlan) {
        self.lease = lease
        self.queue = queue
        self.publisher = publisher
        self.plan = plan
    }

    /// Writes what has changed, unless that was done a moment ago.
    func announceIfDue() async throws(MediaError) {
        guard Clock.monotonicMilliseconds() >= dueMilliseconds else { return }
        try await announce()
    }

    /// Writes what has changed.
    func announce() async throws(MediaError) {
        let start = Clock.monotonicMilliseconds()
        do throws(ObjectStoreError) {
            for _ in 0..<Self.conflictsMax {
                guard let publication = try await publication(), publication.isGrowing else { return }
                do throws(ObjectStoreError) {
                    guard try await write(publication) else { return }
                    let took = Clock.monotonicMilliseconds() - start
                    dueMilliseconds = start + max(Self.intervalMilliseconds, took * Self.restFactor)
                    return
                } catch .conditionFailed {
                    // Another worker was faster; it may have had less to show.
                    tags = [:]
                    texts = [:]
                }
            }
        } catch {
            throw MediaError.failed("announce: \(error)")
        }
        // The next segment brings the next chance.
        Log.warning("the playlists of a video in work are behind", ["video": lease.videoID])
    }

    private func publication() async throws(ObjectStoreError) -> JobPublication? {
        do throws(BackendError) {
            return try await queue.publication(lease)
        } catch {
            throw .unavailable("the queue: \(error)")
        }
    }

    /// False when there is nothing to play yet.
    private func write(_ first: JobPublication) async throws(ObjectStoreError) -> Bool {
        let names = try video(first).announced().map(\.name)
        guard !names.isEmpty else { return false }
        // Tags first, then what is shown: whoever replaces a playlist with that tag in between has seen less or the same.
        for name in names { try await learnTag("\(name)/\(PlaylistAssembly.mediaName)") }
        try await learnTag(PlaylistAssembly.multivariantName)
        guard let publication = try await publication(), publication.isGrowing else { return true }
        let renditions = try video(publication).announced().filter { names.contains($0.name) }
        guard renditions.count == names.count else { return true }
        for rendition in renditions {
            try await put(
                PlaylistAssembly.media(rendition, isComplete: false).text(),
                at: "\(rendition.name)/\(PlaylistAssembly.mediaName)")
        }
        guard Set(names) != Set(publication.announced) else { return true }
        try await put(
            PlaylistAssembly.multivariant(renditions, isComplete: false).text(),
            at: PlaylistAssembly.multivariantName)
        do throws(BackendError) {
            _ = try await queue.announced(lease, renditions: names)
            return true
        } catch {
            throw .unavailable("the queue: \(error)")
        }
    }

    private func video(_ publication: JobPublication) throws(ObjectStoreError) -> GrowingVideo {
        do throws(MediaError) {
            return try GrowingVideo(publication, rungs: plan.rungs, hasSound: plan.hasSound)
        } catch {
            throw .unavailable(error.message)
        }
    }

    private func learnTag(_ path: String) async throws(ObjectStoreError) {
        guard tags[path] == nil else { return }
        do throws(ObjectStoreError) {
            let info = try await publisher.store.head(bucket: "media", key: publisher.key(path))
            tags[path] = .unchanged(etag: info.etag)
        } catch .notFound {
            tags[path] = .absent
        }
    }

    private func put(_ text: String, at path: String) async throws(ObjectStoreError) {
        guard texts[path] != text else { return }
        let tag = try await publisher.publish(
            playlist: text, at: path, isFinal: false, condition: tags[path] ?? .absent)
        tags[path] = .unchanged(etag: tag)
        texts[path] = text
    }
}
