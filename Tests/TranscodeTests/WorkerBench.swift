// SPDX-License-Identifier: Apache-2.0

import Backends
import FoundationEssentials
import HLS
import Synchronization
import Testing

@testable import Transcode

/// The embedded engines in a temporary folder, with a clock that a test moves.
final class WorkerBench: Sendable {
    /// A clip of two segments.
    static let media = MediaResult(
        durationSeconds: 7.5, width: 854, height: 480,
        renditions: [
            rendition("480p", seconds: [6, 1.5]), rendition("audio", seconds: [6, 1.5]),
            RenditionOutput(
                kind: .subtitles, name: "subtitles", codecs: "", language: "de",
                segments: [SegmentFile(name: "0.vtt", bytes: 3, durationSeconds: 7.5)]),
        ], pictures: ["poster.jpg", "preview.mp4", "sprite.vtt"], firstFrame: 0, endFrame: 180)

    /// 24 frames a second, segments of 6 s.
    static func plan(chunks: [Range<Int>], rungs: [String] = ["240p", "480p"], seconds: Double = 60) throws
        -> MediaPlan
    {
        let json = """
            {"frameRateNumerator":24,"frameRateDenominator":1,"gopFrames":48,"segmentFrames":144,"rungs":[],
            "headSegments":2,"headRungs":[],"chunks":[],"hasSound":true,"declaredSeconds":\(seconds)}
            """
        var plan: MediaPlan = try jsonValue(json)
        plan.rungs = rungs
        plan.headRungs = Array(rungs.prefix(1))
        plan.chunks = chunks
        return plan
    }

    static func rendition(_ name: String, seconds: [Double]) -> RenditionOutput {
        let kinds: [Substring: RenditionOutput.Kind] = ["audio": .audio, "subtitles": .subtitles]
        let kind = kinds[name.prefix { $0 != "-" }] ?? .video
        let isVideo = kind == .video
        return RenditionOutput(
            kind: kind, name: name, codecs: isVideo ? "avc1.64001e" : kind == .audio ? "mp4a.40.2" : "",
            width: isVideo ? 854 : 0, height: isVideo ? 480 : 0,
            framesPerSecond: isVideo ? 24 : 0, language: isVideo ? "" : "und",
            segments: seconds.enumerated().map { number, seconds in
                let iFrames = isVideo ? [IFrameRange(offset: 0, length: 2, frames: Int(seconds * 24))] : nil
                return SegmentFile(name: "\(number).m4s", bytes: 3, durationSeconds: seconds, iFrames: iFrames)
            })
    }

    let services: WorkerServices
    let catalog: SQLiteCatalog
    let queue: SQLiteJobQueue
    let root: String
    /// Wall-clock milliseconds, as the queue sees them.
    private let clock = WorkerClock()

    /// `executable` is a script that plays the media child.
    init(executable: String = "/bin/false") throws {
        root = FileManager.default.temporaryDirectory.path + "/spillway-worker-\(UInt64.random(in: 0 ... .max))"
        let database = try CatalogDatabase(path: root + "/catalog.sqlite")
        catalog = SQLiteCatalog(database: database)
        queue = SQLiteJobQueue(
            database: database, rules: JobRules(triesMax: 3), clock: { [clock] in clock.milliseconds })
        services = WorkerServices(
            catalog: catalog, queue: queue, store: try FileObjectStore(root: root + "/objects"),
            folder: try WorkFolder(root: root + "/work"), settings: OriginConfiguration().transcode,
            executable: executable)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: root)
    }

    var publisher: MediaPublisher {
        MediaPublisher(store: services.store, videoID: "clip", folder: root + "/out")
    }

    func advance(milliseconds: Int64) {
        clock.advance(milliseconds)
    }

    /// A new video's job; its raw upload is there.
    func uploaded() async throws -> String {
        let video = try await catalog.createVideo(title: "clip", description: "")
        try write(["raw"])
        _ = try await services.store.put(
            bucket: "uploads", key: "\(video.id)/raw", file: root + "/out/raw", contentType: "", cacheControl: "")
        try await queue.enqueue(videoID: video.id)
        return video.id
    }

    func lease() async throws -> JobLease {
        try #require(try await queue.lease(worker: "test", durationMilliseconds: 30_000))
    }

    /// A lease on a part that the job has after this plan.
    func lease(_ plan: MediaPlan) async throws -> JobLease {
        let outcome = PartOutcome(
            plan: try jsonText(plan), parts: try WorkPlan(media: plan).parts(), videoSeconds: plan.declaredSeconds)
        #expect(try await queue.complete(lease(), outcome: outcome) == .partDone)
        return try await lease()
    }

    /// Does every part that is due, one after the other.
    func work() async throws {
        while let lease = try await queue.lease(worker: "test", durationMilliseconds: 30_000) {
            await PartRun(lease, services).run()
        }
    }

    func workFolders() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root + "/work").sorted()
    }

    /// Writes small files where a child would have written the media.
    func write(_ paths: [String], _ text: String = "abc") throws {
        for path in paths {
            let file = root + "/out/" + path
            let folder = String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(filePath: file))
        }
    }

    /// The text of a published object.
    func text(_ key: String) async throws -> String {
        let reader = try await services.store.open(bucket: "media", key: key)
        return String(decoding: try await reader.read(offset: 0, count: Int(reader.info.size)), as: UTF8.self)
    }

    /// A script that plays the media child: it knows its part as `$part`.
    static func script(_ body: String) throws -> String {
        let text = """
            #!/bin/sh
            while [ $# -gt 0 ]; do
              case "$1" in --part) part="$2";; esac
              shift
            done
            \(body)
            """
        let source = try TestFiles.file(Array(text.utf8), name: "text")
        let path = try TestFiles.folder() + "/child"
        // Another process writes it: a file that is open for writing can not be started.
        try Tool.succeed("cp", [source, path])
        try Tool.succeed("chmod", ["755", path])
        return path
    }

    /// A line that such a script prints.
    static func say(_ message: ChildMessage) throws -> String { "echo '\(try jsonText(message))'" }

    /// Lines with which a script makes the segments of a rendition and tells of them; of subtitles only the result does.
    static func make(_ rendition: RenditionOutput, content: String = "abc") throws -> String {
        var header = rendition
        header.segments = []
        var lines = [try say(.folder(rendition.name))]
        let isTold = rendition.kind != .subtitles
        if isTold { lines += [try hand("\(rendition.name)/init.mp4", "init"), try say(.rendition(header))] }
        for segment in rendition.segments {
            lines.append(try hand("\(rendition.name)/\(segment.name)", content))
            if isTold { lines.append(try say(.segment(rendition: rendition.name, segment))) }
        }
        return lines.joined(separator: "\n")
    }

    /// Lines with which a script hands a file of plain text to its parent.
    static func hand(_ name: String, _ text: String) throws -> String {
        try say(.file(name: name, bytes: text.utf8.count)) + "\nprintf \(text)"
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
