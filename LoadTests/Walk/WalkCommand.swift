// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import Glibc

/// `loadtest walk`: what fetching ahead is worth to viewers of a cold edge.
struct WalkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "walk",
        abstract: "Walks viewers through the segments of videos on a cold edge, with and without prefetch.",
        discussion: """
            Starts an edge of its own, first without and then with prefetch, in front of an origin of its own that \
            lets each answer wait, all on 127.0.0.1. Each viewer takes the playlist of a video that nobody else \
            watches and then one segment after the other, with a pause behind each, and \
            the time from each request to the first byte of its answer is taken. Exits 1 when an answer was wrong.
            """)

    @Option(name: .long, help: "The edge program.")
    var edge = ".build/release/edge"

    @Option(name: .long, help: "Viewers, each with a video and a connection of its own (1 to 1000).")
    var viewers = 20

    @Option(name: .long, help: "Segments of each video (2 to 1000).")
    var segments = 20

    @Option(name: .long, help: "Bytes of a segment (1 to 16777216).")
    var segmentBytes = 500_000

    @Option(name: .long, help: "How long the origin waits before an answer, in milliseconds (0 to 10000).")
    var originMilliseconds = 80

    @Option(name: .long, help: "How long a viewer waits behind an answer, in milliseconds (0 to 60000).")
    var thinkMilliseconds = 250

    @Option(name: .long, help: "Segments that are fetched ahead (1 to 4).")
    var ahead = 1

    @Option(name: .long, help: "The folder for the edge's configuration and log; it is made anew.")
    var folder = "var/walk"

    func validate() throws {
        guard (1...1000).contains(viewers) else { throw ValidationError("--viewers must be 1 to 1000.") }
        guard (2...1000).contains(segments) else { throw ValidationError("--segments must be 2 to 1000.") }
        guard (1...16_777_216).contains(segmentBytes) else {
            throw ValidationError("--segment-bytes must be 1 to 16777216.")
        }
        guard (0...10_000).contains(originMilliseconds) else {
            throw ValidationError("--origin-milliseconds must be 0 to 10000.")
        }
        guard (0...60_000).contains(thinkMilliseconds) else {
            throw ValidationError("--think-milliseconds must be 0 to 60000.")
        }
        guard (1...4).contains(ahead) else { throw ValidationError("--ahead must be 1 to 4.") }
    }

    func run() throws {
        let plan = WalkPlan(
            viewers: viewers, segments: segments, segmentBytes: segmentBytes,
            originMilliseconds: originMilliseconds, thinkMilliseconds: thinkMilliseconds)
        let origin = try WalkOrigin(plan)
        var report = WalkReport(plan)
        for ahead in [0, ahead] {
            let site = try WalkSite(program: edge, folder: folder, origin: origin, ahead: ahead)
            let before = origin.requestCount
            let times = try Walk(plan, port: site.port).run()
            site.stop()
            report.add(ahead: ahead, times, originRequests: origin.requestCount - before)
        }
        print(report.text)
        if !report.isGood { throw ExitCode(1) }
    }
}
