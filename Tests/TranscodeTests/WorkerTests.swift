// SPDX-License-Identifier: Apache-2.0

import Backends
import FoundationEssentials
import Synchronization
import Testing

@testable import Transcode

/// The worker on the embedded engines. What a child makes of a real file is shown by the scenarios.
@Suite struct WorkerTests {
    private let bench: WorkerBench

    init() throws {
        bench = try WorkerBench()
    }

    @Test func aJobWhoseUploadIsGoneFailsForGood() async throws {
        let lease = try await bench.leasedJob()
        await JobRun(lease, bench.services).run()
        let video = try await bench.services.catalog.video(id: lease.videoID)
        #expect(video.status == .failed)
        #expect(video.failureReason == "The uploaded file is not there any more.")
        #expect(try bench.workFolders() == [])
    }

    @Test func theFolderOfATryReplacesThoseOfEarlierTriesOfItsJob() throws {
        let other = try bench.services.folder.make(for: bench.lease(job: 12, attempt: 1))
        let first = try bench.services.folder.make(for: bench.lease(job: 1, attempt: 1))
        let second = try bench.services.folder.make(for: bench.lease(job: 1, attempt: 2))
        #expect(try bench.workFolders() == ["1-2", "12-1"])
        for folder in [first, second, other] { bench.services.folder.remove(folder) }
        #expect(try bench.workFolders() == [])
    }

    @Test func heartbeatsShowProgressUntilTheTaskIsCancelled() async throws {
        let lease = try await bench.leasedJob()
        let pulse = JobPulse(lease, queue: bench.services.queue, settings: bench.services.settings)
        pulse.show(percent: 42)
        let beat = Task { await pulse.beat() }
        try await bench.waitForProgress(of: lease.videoID, percent: 42)
        beat.cancel()
        #expect(await beat.value == .extended)
    }

    @Test func aJobThatAnotherWorkerTookIsLost() async throws {
        let lease = try await bench.leasedJob()
        bench.advance(milliseconds: 60_000)
        let taken = try await bench.services.queue.lease(worker: "another", durationMilliseconds: 1000)
        #expect(taken?.jobID == lease.jobID)
        let pulse = JobPulse(lease, queue: bench.services.queue, settings: bench.services.settings)
        pulse.show(percent: 10)
        #expect(await pulse.beat() == .lost)
    }

    @Test func everythingIsPublishedWithItsTypeAndLifetime() async throws {
        try bench.write(["480p/init.mp4", "480p/0.m4s", "480p/1.m4s", "audio/init.mp4", "audio/0.m4s"])
        try bench.write(["480p/index.m3u8", "audio/index.m3u8", "subtitles/index.m3u8", "master.m3u8"])
        try bench.write(["subtitles/0.vtt"] + WorkerBench.media.pictures)
        let result = try await bench.publisher.publish(WorkerBench.media) { _ in }
        #expect(
            result?.segments.map(\.key)
                == ["480p/0.m4s", "480p/1.m4s", "audio/0.m4s", "subtitles/0.vtt"].map { "v/clip/\($0)" })
        #expect(result?.segments.map(\.durationMilliseconds) == [6000, 1500, 7500, 7500])
        let stored = try await bench.services.store.list(bucket: "media", prefix: "v/clip/")
        #expect(stored.count == 14)
        for object in stored {
            let isPlaylist = object.key.hasSuffix(".m3u8")
            #expect(object.cacheControl == "public, max-age=" + (isPlaylist ? "3600" : "31536000, immutable"))
            let type =
                isPlaylist
                ? "application/vnd.apple.mpegurl"
                : object.key.hasSuffix("jpg")
                    ? "image/jpeg"
                    : object.key.hasSuffix("vtt")
                        ? "text/vtt" : object.key.contains("audio") ? "audio/mp4" : "video/mp4"
            #expect(object.contentType == type)
        }
    }

    @Test func aNameThatLeadsOutOfTheChildsFolderIsNotPublished() async throws {
        for name in ["../secret", "/etc/passwd", "..", "", "a/b"] {
            var media = WorkerBench.media
            media.renditions[0].segments[0].name = name
            await #expect(throws: ObjectStoreError.self) { _ = try await bench.publisher.publish(media) { _ in } }
            media = WorkerBench.media
            media.renditions[0].name = name
            await #expect(throws: ObjectStoreError.self) { _ = try await bench.publisher.publish(media) { _ in } }
        }
        #expect(try await bench.services.store.list(bucket: "media", prefix: "v/clip/").isEmpty)
    }

    @Test func noPlaylistIsPublishedBeforeAllThatItNames() async throws {
        try bench.write(["480p/init.mp4", "480p/0.m4s", "480p/1.m4s", "audio/init.mp4"])
        try bench.write(["480p/index.m3u8", "audio/index.m3u8", "master.m3u8", "poster.jpg"])
        await #expect(throws: ObjectStoreError.self) {
            _ = try await bench.publisher.publish(WorkerBench.media) { _ in }
        }
        let stored = try await bench.services.store.list(bucket: "media", prefix: "v/clip/")
        #expect(stored.allSatisfy { !$0.key.hasSuffix(".m3u8") })
    }
}

/// The embedded engines in a temporary folder, with a clock that a test moves.
private final class WorkerBench: Sendable {
    static let media = MediaResult(
        durationSeconds: 7.5, width: 854, height: 480,
        renditions: [
            RenditionOutput(
                name: "480p", codecs: "avc1.64001e", width: 854, height: 480, framesPerSecond: 24,
                segments: [
                    SegmentFile(name: "0.m4s", bytes: 3, durationSeconds: 6),
                    SegmentFile(name: "1.m4s", bytes: 3, durationSeconds: 1.5),
                ]),
            RenditionOutput(
                kind: .audio, name: "audio", codecs: "mp4a.40.2", language: "und",
                segments: [SegmentFile(name: "0.m4s", bytes: 3, durationSeconds: 7.5)]),
            RenditionOutput(
                kind: .subtitles, name: "subtitles", codecs: "", language: "en",
                segments: [SegmentFile(name: "0.vtt", bytes: 3, durationSeconds: 7.5)]),
        ], pictures: ["poster.jpg", "sprite-0.jpg", "sprite.vtt", "preview.mp4"])

    let services: WorkerServices
    /// Wall-clock milliseconds, as the queue sees them.
    private let now: WorkerClock
    private let root: String

    init() throws {
        root = FileManager.default.temporaryDirectory.path + "/spillway-worker-\(UInt64.random(in: 0 ... .max))"
        let now = WorkerClock()
        self.now = now
        let database = try CatalogDatabase(path: root + "/catalog.sqlite")
        services = WorkerServices(
            catalog: SQLiteCatalog(database: database),
            queue: SQLiteJobQueue(database: database, rules: JobRules(triesMax: 3), clock: { now.milliseconds }),
            store: try FileObjectStore(root: root + "/objects"), folder: try WorkFolder(root: root + "/work"),
            settings: OriginConfiguration().transcode)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: root)
    }

    var publisher: MediaPublisher {
        MediaPublisher(store: services.store, videoID: "clip", folder: root + "/out")
    }

    func advance(milliseconds: Int64) {
        now.advance(milliseconds)
    }

    func lease(job: Int64, attempt: Int) -> JobLease {
        JobLease(jobID: job, videoID: "clip", attempt: attempt, expiresMilliseconds: 0)
    }

    /// A lease on a new video's job; nothing was uploaded.
    func leasedJob() async throws -> JobLease {
        let video = try await services.catalog.createVideo(title: "clip", description: "")
        try await services.queue.enqueue(videoID: video.id)
        return try #require(try await services.queue.lease(worker: "test", durationMilliseconds: 30_000))
    }

    func waitForProgress(of video: String, percent: Double) async throws {
        for _ in 0..<200 {
            if try await services.catalog.video(id: video).progressPercent == percent { return }
            await pause(milliseconds: 50)
        }
        Issue.record("the progress did not reach the catalog")
    }

    func workFolders() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root + "/work").sorted()
    }

    /// Writes small files where a child would have written the media.
    func write(_ paths: [String]) throws {
        for path in paths {
            let file = root + "/out/" + path
            let folder = String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data("abc".utf8).write(to: URL(filePath: file))
        }
    }
}

/// A clock that a test moves.
private final class WorkerClock: Sendable {
    private let value = Mutex(Int64(1_700_000_000_000))

    var milliseconds: Int64 { value.withLock { $0 } }

    func advance(_ milliseconds: Int64) {
        value.withLock { $0 += milliseconds }
    }
}
