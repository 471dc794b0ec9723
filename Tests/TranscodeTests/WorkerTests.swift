// SPDX-License-Identifier: Apache-2.0

import Backends
import FoundationEssentials
import HLS
import Testing

@testable import Transcode

/// The worker on the embedded engines, with scripts for the media child. What a child makes of a real file is shown by
/// the scenarios.
@Suite struct WorkerTests {
    /// A child that makes the bench's clip in one go.
    static func wholeChild(before: String = "", content: String = "abc") throws -> String {
        let plan = try WorkerBench.plan(chunks: [0..<Int.max], rungs: ["480p"], seconds: 7.5)
        return try WorkerBench.script(
            """
            case "$part" in
              *plan*) \(WorkerBench.say(.plan(plan)));;
              *)
                \(before)
                \(WorkerBench.media.renditions.map { try WorkerBench.make($0, content: content) }.joined(separator: "\n"))
                \(WorkerBench.media.pictures.map { try WorkerBench.hand($0, "picture") }.joined(separator: "\n"))
                \(WorkerBench.hand("index.m3u8", "text"))
                \(WorkerBench.say(.result(WorkerBench.media)));;
            esac
            """)
    }

    @Test func aVideoGoesThroughItsPartsToReady() async throws {
        let bench = try WorkerBench(executable: Self.wholeChild())
        let id = try await bench.uploaded()
        try await bench.work()
        let video = try await bench.catalog.video(id: id)
        #expect(video.status == .ready, "\(video.failureReason)")
        #expect(video.durationMilliseconds == 7500 && video.width == 854 && video.height == 480)
        let stored = try await bench.services.store.list(bucket: "media", prefix: "v/\(id)/")
        #expect(
            stored.map { String($0.key.dropFirst(id.utf8.count + 3)) } == [
                "480p/0.m4s", "480p/1.m4s", "480p/iframes.m3u8", "480p/index.m3u8", "480p/init.mp4", "audio/0.m4s",
                "audio/1.m4s", "audio/index.m3u8", "audio/init.mp4", "master.m3u8", "poster.jpg", "preview.mp4",
                "sprite.vtt", "subtitles/0.vtt", "subtitles/index.m3u8",
            ])
        for object in stored {
            let isPlaylist = object.key.hasSuffix(".m3u8")
            #expect(object.cacheControl == "public, max-age=" + (isPlaylist ? "3600" : "31536000, immutable"))
            let type =
                ["m3u8": "application/vnd.apple.mpegurl", "jpg": "image/jpeg", "vtt": "text/vtt"][
                    String(object.key.split(separator: ".").last ?? "")]
                ?? (object.key.contains("audio") ? "audio/mp4" : "video/mp4")
            #expect(object.contentType == type, "\(object.key)")
        }
        let playlist = try await bench.text("v/\(id)/480p/index.m3u8")
        #expect(playlist.contains("#EXT-X-PLAYLIST-TYPE:VOD") && playlist.hasSuffix("#EXT-X-ENDLIST\n"))
        #expect(try bench.workFolders() == [])
        await #expect(throws: ObjectStoreError.notFound) {
            try await bench.services.store.head(bucket: "uploads", key: "\(id)/raw")
        }
    }

    @Test func aPartWhoseUploadIsGoneFailsForGood() async throws {
        let bench = try WorkerBench()
        let id = try await bench.uploaded()
        try await bench.services.store.delete(bucket: "uploads", key: "\(id)/raw")
        try await bench.work()
        let video = try await bench.catalog.video(id: id)
        #expect(video.status == .failed)
        #expect(video.failureReason == "The uploaded file is not there any more.")
        #expect(try bench.workFolders() == [])
    }

    @Test func whatACrashedChildPrintedIsKeptWithTheJob() async throws {
        let bench = try WorkerBench(executable: WorkerBench.script("echo 'the box is broken' >&2; kill -SEGV $$"))
        let id = try await bench.uploaded()
        for attempt in 1...3 {
            try await bench.work()
            let tries = try await bench.queue.tries(videoID: id, failed: true, limit: 10)
            #expect(tries.count == attempt)
            #expect(tries[0].outcome == "crash" && tries[0].log.contains("the box is broken"))
            bench.advance(milliseconds: 100_000)
        }
        #expect(try await bench.catalog.video(id: id).status == .failed)
        #expect(try await bench.queue.figures().counters["failed_crash"] == 3)
    }

    @Test func aFileThatIsAtFaultIsTriedOnce() async throws {
        let bench = try WorkerBench(executable: WorkerBench.script(WorkerBench.say(.unusable("It is broken."))))
        let id = try await bench.uploaded()
        try await bench.work()
        #expect(try await bench.catalog.video(id: id).failureReason == "It is broken.")
        #expect(try await bench.queue.tries(videoID: id, failed: true, limit: 10).count == 1)
    }

    /// The first try dies when the first segments are published and shown; the second makes other bytes.
    @Test func aTryThatIsRepeatedReplacesNothingThatIsServed() async throws {
        let folder = try TestFiles.folder()
        let child = try WorkerBench.script(
            """
            case "$part" in
              *plan*) \(WorkerBench.say(.plan(try WorkerBench.plan(chunks: [0..<Int.max], rungs: ["480p"], seconds: 7.5))));;
              *)
                if mkdir \(folder)/first 2>/dev/null; then
                  \(WorkerBench.media.renditions.map { try WorkerBench.make($0, content: "first") }.joined(separator: "\n"))
                  sleep 1
                  kill -KILL $$
                fi
                \(WorkerBench.media.renditions.map { try WorkerBench.make($0, content: "other") }.joined(separator: "\n"))
                \(WorkerBench.media.pictures.map { try WorkerBench.hand($0, "picture") }.joined(separator: "\n"))
                \(WorkerBench.say(.result(WorkerBench.media)));;
            esac
            """)
        let bench = try WorkerBench(executable: child)
        let id = try await bench.uploaded()
        try await bench.work()
        #expect(try await bench.catalog.video(id: id).isPlayable)
        let before = try await bench.services.store.list(bucket: "media", prefix: "v/\(id)/480p/")
        let master = try await bench.services.store.head(bucket: "media", key: "v/\(id)/master.m3u8")
        #expect(master.cacheControl == "public, max-age=1, stale-while-revalidate=10")
        let event = try await bench.text("v/\(id)/480p/index.m3u8")
        #expect(event.contains("#EXT-X-PLAYLIST-TYPE:EVENT") && !event.contains("#EXT-X-ENDLIST"))
        #expect(event.contains("#EXT-X-START:TIME-OFFSET=0.000\n"))
        bench.advance(milliseconds: 100_000)
        try await bench.work()
        #expect(try await bench.catalog.video(id: id).status == .ready)
        for object in before where !object.key.hasSuffix(".m3u8") {
            #expect(try await bench.services.store.head(bucket: "media", key: object.key) == object)
        }
        #expect(try await bench.text("v/\(id)/480p/0.m4s") == "first")
        #expect(try await bench.text("v/\(id)/480p/index.m3u8").hasSuffix("#EXT-X-ENDLIST\n"))
    }

    @Test func aCancelledJobEndsItsChildAndIsNotTriedAgain() async throws {
        let bench = try WorkerBench(executable: Self.wholeChild(before: "exec sleep 3600"))
        let id = try await bench.uploaded()
        await PartRun(try await bench.lease(), bench.services).run()
        let lease = try await bench.lease()
        let start = ContinuousClock.now
        let run = Task { [services = bench.services] in await PartRun(lease, services).run() }
        await pause(milliseconds: 300)
        #expect(try await bench.queue.cancel(videoID: id))
        await run.value
        #expect(ContinuousClock.now - start < .seconds(300))
        #expect(try await bench.queue.lease(worker: "w", durationMilliseconds: 1) == nil)
        #expect(try await bench.catalog.video(id: id).failureReason == "Processing was cancelled.")
    }

    @Test func aWorkerThatIsToldToEndGivesItsPartBack() async throws {
        let bench = try WorkerBench(executable: Self.wholeChild(before: "exec sleep 3600"))
        _ = try await bench.uploaded()
        await PartRun(try await bench.lease(), bench.services).run()
        let lease = try await bench.lease()
        let start = ContinuousClock.now
        let run = Task { [services = bench.services] in await PartRun(lease, services).run() }
        await pause(milliseconds: 300)
        run.cancel()
        await run.value
        #expect(ContinuousClock.now - start < .seconds(300))
        let again = try await bench.lease()
        #expect(again.part == lease.part && again.attempt == 2)
    }

    @Test func aVideoThatIsDeletedInWorkLeavesNothing() async throws {
        let bench = try WorkerBench(executable: Self.wholeChild())
        let id = try await bench.uploaded()
        await PartRun(try await bench.lease(), bench.services).run()
        let lease = try await bench.lease()
        #expect(try await bench.catalog.deleteVideo(id: id))
        await PartRun(lease, bench.services).run()
        #expect(try await bench.services.store.list(bucket: "media", prefix: "v/\(id)/").isEmpty)
    }

    @Test func theFolderOfATryReplacesThoseOfEarlierTriesOfItsPart() throws {
        let bench = try WorkerBench()
        func lease(_ job: Int64, _ part: Int, _ attempt: Int) -> JobLease {
            JobLease(jobID: job, videoID: "clip", part: part, kind: .chunk, attempt: attempt, expiresMilliseconds: 0)
        }
        let folders = try [(12, 1, 1), (1, 1, 1), (1, 12, 1), (1, 1, 2)].map { job, part, attempt in
            try bench.services.folder.make(for: lease(Int64(job), part, attempt))
        }
        #expect(try bench.workFolders() == ["1-1-2", "1-12-1", "12-1-1"])
        for folder in folders { bench.services.folder.remove(folder) }
        #expect(try bench.workFolders() == [])
    }

    @Test func heartbeatsShowProgressUntilTheTaskIsCancelled() async throws {
        let bench = try WorkerBench()
        let id = try await bench.uploaded()
        let lease = try await bench.lease(try WorkerBench.plan(chunks: [0..<Int.max], seconds: 60))
        bench.advance(milliseconds: 1000)
        let pulse = PartPulse(lease, queue: bench.queue, settings: bench.services.settings)
        pulse.show(fraction: 0.5)
        pulse.show(seconds: ["240p": 30])
        let beat = Task { await pulse.beat() }
        var video = try await bench.catalog.video(id: id)
        for _ in 0..<200 where video.rungs.isEmpty {
            await pause(milliseconds: 50)
            video = try await bench.catalog.video(id: id)
        }
        #expect(video.rungs.map(\.name) == ["240p"] && video.rungs.first?.percent == 50)
        #expect((45...50).contains(video.progressPercent))
        beat.cancel()
        #expect(await beat.value == .extended)
    }

    @Test func aPartThatAnotherWorkerTookIsLost() async throws {
        let bench = try WorkerBench()
        _ = try await bench.uploaded()
        let lease = try await bench.lease()
        bench.advance(milliseconds: 60_000)
        let taken = try await bench.lease()
        #expect(taken.jobID == lease.jobID && taken.attempt == 2)
        let pulse = PartPulse(lease, queue: bench.queue, settings: bench.services.settings)
        pulse.show(fraction: 0.1)
        #expect(await pulse.beat() == .lost)
    }

    /// A worker died between storing a segment and noting it; the next one's encoder makes other bytes.
    @Test func whatWasStoredBeforeIsWhatIsNoted() async throws {
        let bench = try WorkerBench()
        let made = try Transcoded.of(.film)
        let video = try #require(made.video.first)
        let name = video.name
        func file(_ number: Int) throws -> SegmentFile {
            let bytes = video.segments[number]
            return SegmentFile(name: "0.m4s", bytes: bytes.count, durationSeconds: 6, iFrames: mp4IFrames(bytes))
        }
        func write(_ number: Int) throws {
            try FileManager.default.createDirectory(
                atPath: bench.root + "/out/\(name)", withIntermediateDirectories: true)
            try Data(video.segments[number]).write(to: URL(filePath: bench.root + "/out/\(name)/0.m4s"))
        }
        let rendition = WorkerBench.rendition(name, seconds: [])
        let (first, second) = (try file(0), try file(1))
        #expect(first.iFrames != nil && first.iFrames != second.iFrames)
        try write(0)
        #expect(try await bench.publisher.publish(first, of: rendition) == first)
        try write(1)
        #expect(try await bench.publisher.publish(second, of: rendition) == first)
        let stored = try await bench.services.store.head(bucket: "media", key: "v/clip/\(name)/0.m4s")
        #expect(Int(stored.size) == first.bytes)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.root + "/out") == [name])
    }

    @Test func aNameThatLeadsOutOfTheChildsFolderIsNotPublished() async throws {
        let bench = try WorkerBench()
        for name in ["../secret", "/etc/passwd", "..", "", "a/b"] {
            await #expect(throws: ObjectStoreError.self) {
                let segment = SegmentFile(name: name, bytes: 3, durationSeconds: 6)
                _ = try await bench.publisher.publish(segment, of: WorkerBench.media.renditions[0])
            }
            await #expect(throws: ObjectStoreError.self) {
                var rendition = WorkerBench.media.renditions[0]
                rendition.name = name
                _ = try await bench.publisher.publish(rendition.segments[0], of: rendition)
            }
        }
        #expect(try await bench.services.store.list(bucket: "media", prefix: "v/clip/").isEmpty)
    }
}
