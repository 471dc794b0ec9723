// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import ServiceLifecycle

/// Tells any number of clients about changes of videos, with one query of the catalog for all of them: the workers
/// are other processes, so somebody has to look.
actor ProgressHub: Service {
    enum Event: Sendable {
        case changed(Video, renditions: [String])
        /// Keeps proxies from closing a silent stream, and finds clients that are gone.
        case heartbeat
    }

    /// One client's events. The stream ends after READY or FAILED, when the video is deleted, and at shutdown.
    struct Subscription: Sendable {
        let events: AsyncStream<Event>
    }

    private struct Subscriber {
        var videoID: String
        var last: Video
        var continuation: AsyncStream<Event>.Continuation
    }

    static let subscribersMax = 2000
    private static let pollMilliseconds: Int64 = 500
    private static let heartbeatPolls = 30

    private let catalog: any Catalog
    private let metrics: OriginMetrics
    private var subscribers: [Int: Subscriber] = [:]
    private var nextNumber = 0
    private var isClosed = false

    init(catalog: any Catalog, metrics: OriginMetrics) {
        self.catalog = catalog
        self.metrics = metrics
    }

    /// Starts with the video as it is now; nil when there are too many clients or the service ends.
    func subscribe(_ video: Video) async -> Subscription? {
        guard !isClosed, subscribers.count < Self.subscribersMax else { return nil }
        // A client that reads slowly misses steps in between, never the last one.
        let (events, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(4))
        let number = nextNumber
        nextNumber += 1
        continuation.yield(.changed(video, renditions: await renditions(video)))
        if Self.isFinal(video) {
            continuation.finish()
            return Subscription(events: events)
        }
        subscribers[number] = Subscriber(videoID: video.id, last: video, continuation: continuation)
        metrics.setEventStreams(subscribers.count)
        continuation.onTermination = { [weak self] _ in
            guard let self else { return }
            Task { await self.remove(number) }
        }
        return Subscription(events: events)
    }

    /// Looks at the watched videos until the service is told to stop; then ends all streams.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            var polls = 0
            while (try? await Task.sleep(for: .milliseconds(Self.pollMilliseconds))) != nil {
                polls += 1
                await self.poll(heartbeat: polls % Self.heartbeatPolls == 0)
            }
        }
        isClosed = true
        for subscriber in subscribers.values { subscriber.continuation.finish() }
        subscribers = [:]
    }

    private func poll(heartbeat: Bool) async {
        guard !subscribers.isEmpty else { return }
        let watched = Array(Set(subscribers.values.map(\.videoID)))
        let videos: [String: Video]
        do {
            videos = Dictionary(uniqueKeysWithValues: try await catalog.videos(ids: watched).map { ($0.id, $0) })
        } catch {
            // The next look comes soon; clients keep their stream meanwhile.
            Log.warning("progress can not be read", ["reason": "\(error)"])
            return
        }
        for (number, subscriber) in subscribers {
            guard let video = videos[subscriber.videoID] else {
                // A client that joined while the catalog was asked is looked at next time.
                if watched.contains(subscriber.videoID) { subscriber.continuation.finish() }
                continue
            }
            if video != subscriber.last {
                subscribers[number]?.last = video
                subscriber.continuation.yield(.changed(video, renditions: await renditions(video)))
                if Self.isFinal(video) { subscriber.continuation.finish() }
            } else if heartbeat {
                subscriber.continuation.yield(.heartbeat)
            }
        }
    }

    private func renditions(_ video: Video) async -> [String] {
        guard video.isPlayable else { return [] }
        return (try? await catalog.renditions(ids: [video.id]))?[video.id] ?? []
    }

    private func remove(_ number: Int) {
        subscribers[number] = nil
        metrics.setEventStreams(subscribers.count)
    }

    private static func isFinal(_ video: Video) -> Bool { video.status == .ready || video.status == .failed }
}
