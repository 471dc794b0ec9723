// SPDX-License-Identifier: Apache-2.0

import Backends
import HLS
import Testing

@testable import Transcode

/// What a video in work shows, and that several workers never make it shorter.
@Suite struct GrowingVideoTests {
    /// What was published: the numbers of the segments by rendition.
    func publication(_ numbers: [String: [Int]], announced: [String] = []) throws -> JobPublication {
        JobPublication(
            isGrowing: true,
            renditions: try numbers.keys.sorted().map { name in
                let header = WorkerBench.rendition(name, seconds: [])
                return JobRendition(name: name, isVideo: header.isVideo, info: try jsonText(header))
            },
            segments: try numbers.flatMap { name, numbers in
                try numbers.map { number in
                    let file = SegmentFile(name: "\(number).m4s", bytes: 10, durationSeconds: 6)
                    return JobSegment(rendition: name, number: number, part: 0, info: try jsonText(file))
                }
            }, announced: announced)
    }

    /// The renditions that are announced, each with the number of its segments.
    func shown(_ numbers: [String: [Int]], announced: [String] = [], hasSound: Bool = true) throws -> [String: Int] {
        let video = try GrowingVideo(
            publication(numbers, announced: announced), rungs: ["240p", "480p"], hasSound: hasSound)
        return Dictionary(uniqueKeysWithValues: video.announced().map { ($0.name, $0.segments.count) })
    }

    @Test func nothingIsShownBeforeTheLowestRungAndTheSoundAreThere() throws {
        #expect(try shown([:]) == [:])
        #expect(try shown(["240p": [0, 1]]) == [:])
        #expect(try shown(["480p": [0, 1], "audio": [0]]) == [:])
        #expect(try shown(["240p": [1], "audio": [0]]) == [:])
        #expect(try shown(["240p": [0, 1], "audio": [0]]) == ["240p": 1, "audio": 1])
        #expect(try shown(["240p": [0, 1]], hasSound: false) == ["240p": 2])
    }

    @Test func aRungJoinsWhenItIsWholeForWhatIsShown() throws {
        let before = ["240p", "audio"]
        #expect(
            try shown(["240p": [0, 1], "480p": [0], "audio": [0, 1, 2]], announced: before) == ["240p": 2, "audio": 2])
        #expect(
            try shown(["240p": [0, 1], "480p": [0, 1, 2], "audio": [0, 1, 2]], announced: before)
                == ["240p": 2, "480p": 2, "audio": 2])
    }

    @Test func segmentsBehindAGapAreNotShown() throws {
        #expect(try shown(["240p": [0, 1, 3, 4], "audio": [0, 1, 2, 3]]) == ["240p": 2, "audio": 2])
    }

    @Test func subtitlesComeWithTheFinalPlaylists() throws {
        #expect(try shown(["240p": [0], "audio": [0], "subtitles": [0]]) == ["240p": 1, "audio": 1])
        #expect(try shown(["240p": [0, 1], "subtitles": [0, 1]], hasSound: false) == ["240p": 2])
    }

    @Test func soundAloneIsShownAndFinished() throws {
        let tracks = ["audio": [0, 1], "audio-10": [0, 1], "audio-2": [0, 1]]
        let video = try GrowingVideo(publication(tracks), rungs: [], hasSound: false)
        #expect(video.announced().map(\.name) == ["audio", "audio-2", "audio-10"])
        let plan = try WorkerBench.plan(chunks: [0..<Int.max], rungs: [], seconds: 12)
        #expect(
            try video.finished(plan, frames: 288).renditions.map(\.name) == ["audio", "audio-2", "audio-10"])
        #expect(try GrowingVideo(publication(["audio": []]), rungs: [], hasSound: false).announced().isEmpty)
    }

    @Test func aFinishedVideoMustBeWhole() throws {
        func finished(_ numbers: [String: [Int]]) throws -> [String] {
            let video = try GrowingVideo(publication(numbers), rungs: ["240p", "480p"], hasSound: true)
            let plan = try WorkerBench.plan(chunks: [0..<Int.max], seconds: 12)
            return try video.finished(plan, frames: 288).renditions.map(\.name)
        }
        let whole = ["240p": [0, 1], "480p": [0, 1], "audio": [0, 1]]
        #expect(try finished(whole) == ["240p", "480p", "audio"])
        for broken in [
            ["480p": [0, 1], "audio": [0, 1]], ["240p": [0, 1], "480p": [0, 1]],
            ["240p": [0, 1], "480p": [0], "audio": [0, 1]], ["240p": [0, 1], "480p": [0, 2], "audio": [0, 1]],
            ["240p": [0, 1], "480p": [0, 1], "audio": [0]], ["240p": [], "480p": [0], "audio": [0]], [:],
        ] {
            #expect(throws: MediaError.self, "\(broken)") { try finished(broken) }
        }
    }

    /// Workers that publish and announce at the same time, each in its own order.
    @Test func playlistsOfManyWorkersOnlyGrow() async throws {
        let bench = try WorkerBench()
        let id = try await bench.uploaded()
        let plan = try WorkerBench.plan(chunks: [0..<20, 20..<Int.max], seconds: 240)
        let head = try await bench.lease(plan)
        try bench.write(["240p/init.mp4", "audio/init.mp4"])
        let publisher = MediaPublisher(store: bench.services.store, videoID: id, folder: bench.root + "/out")
        let renditions = ["240p", "audio"].map { WorkerBench.rendition($0, seconds: []) }
        _ = try await bench.queue.note(
            head,
            renditions: try renditions.map {
                JobRendition(name: $0.name, isVideo: $0.isVideo, info: try jsonText($0))
            }, segments: [])
        let counts = try await withThrowingTaskGroup(of: [Int].self) { group in
            for worker in 0..<4 {
                group.addTask {
                    let announcer = Announcer(head, queue: bench.queue, publisher: publisher, plan: plan)
                    for number in stride(from: worker, to: 40, by: 4) {
                        let file = SegmentFile(name: "\(number).m4s", bytes: 10, durationSeconds: 6)
                        _ = try await bench.queue.note(
                            head, renditions: [],
                            segments: try renditions.map {
                                JobSegment(rendition: $0.name, number: number, part: 0, info: try jsonText(file))
                            })
                        try await announcer.announce()
                    }
                    return []
                }
            }
            group.addTask {
                var counts: [Int] = []
                while counts.last ?? 0 < 40, counts.count < 20_000 {
                    let text = (try? await bench.text("v/\(id)/240p/index.m3u8")) ?? ""
                    counts.append(text.split(separator: "\n").count { $0.hasSuffix(".m4s") })
                    await Task.yield()
                }
                return counts
            }
            return try await group.reduce(into: [Int]()) { $0 += $1 }
        }
        #expect(counts.last == 40)
        #expect(counts == counts.sorted())
        #expect(try await bench.catalog.video(id: id).isPlayable)
    }

    /// The holder of a lost lease wakes up when the final playlists are there.
    @Test func aLateWorkerDoesNotReplaceAFinalPlaylist() async throws {
        let bench = try WorkerBench(executable: WorkerTests.wholeChild())
        let id = try await bench.uploaded()
        await PartRun(try await bench.lease(), bench.services).run()
        let late = try await bench.lease()
        let plan: MediaPlan = try jsonValue(late.plan)
        let publisher = MediaPublisher(store: bench.services.store, videoID: id, folder: bench.root + "/out")
        let announcer = Announcer(late, queue: bench.queue, publisher: publisher, plan: plan)
        bench.advance(milliseconds: 100_000)
        try await bench.work()
        #expect(try await bench.catalog.video(id: id).status == .ready)
        let final = try await bench.services.store.head(bucket: "media", key: "v/\(id)/480p/index.m3u8")
        try await announcer.announce()
        #expect(try await bench.services.store.head(bucket: "media", key: "v/\(id)/480p/index.m3u8") == final)
    }
}
