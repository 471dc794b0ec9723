// SPDX-License-Identifier: Apache-2.0

import Backends
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import Origin

/// A video's job over the API: parts, logs, cancelling, trying again, playing early, metrics.
@Suite struct JobRoutesTests {
    /// A video whose first part is leased.
    private func leased(_ origin: TestOrigin, owner: String = "") async throws -> JobLease {
        let video = try await origin.services.api.catalog.createVideo(title: "Clip", description: "", owner: owner)
        try await origin.services.api.queue.enqueue(videoID: video.id)
        return try #require(
            try await origin.services.api.queue.lease(worker: "host:1", durationMilliseconds: 60_000))
    }

    @Test func aJobIsShownCancelledAndTakenUpAgain() async throws {
        let origin = try TestOrigin()
        let queue = origin.services.api.queue
        try await origin.services.apiApplication.test(.router) { client in
            let lease = try await leased(origin)
            let path = "/v1/videos/\(lease.videoID)"
            for (method, end) in [
                (HTTPRequest.Method.get, "job"), (.get, "job/log"), (.post, "cancel"), (.post, "retry"),
            ] {
                #expect(try await client.call(method, "\(path)/\(end)", key: nil).status == .unauthorized)
                #expect(try await client.call(method, "/v1/videos/none/\(end)").problem == "video-not-found")
            }
            let job = try await client.call(.get, "\(path)/job").json
            let parts = try #require(job["parts"] as? [[String: Any]])
            #expect(job["phase"] as? String == "open" && parts.count == 1)
            #expect(parts[0]["kind"] as? String == "plan" && parts[0]["phase"] as? String == "leased")
            #expect(parts[0]["worker"] as? String == "host:1")
            let failure = PartFailure(reason: "It crashed.", outcome: "crash", log: "signal 11")
            _ = try await queue.fail(lease, failure)
            let tries = try #require(
                try await client.call(.get, "\(path)/job/log").json["tries"] as? [[String: Any]])
            #expect(tries.count == 1 && tries[0]["log"] as? String == "signal 11")
            #expect(try await client.call(.post, "\(path)/retry").problem == "not-failed")
            let cancelled = try await client.call(.post, "\(path)/cancel")
            #expect(cancelled.json["status"] as? String == "FAILED")
            #expect(cancelled.json["failureReason"] as? String == "Processing was cancelled.")
            #expect(try await client.call(.post, "\(path)/cancel").problem == "not-processing")
            let again = try await client.call(.post, "\(path)/retry")
            #expect(again.status == .accepted && again.json["status"] as? String == "PROCESSING")
            let metrics = try await client.call(.get, "/metrics", key: nil).text
            for line in [
                "spillway_jobs{phase=\"open\"} 1", "spillway_job_parts{kind=\"plan\",phase=\"queued\"} 1",
                "spillway_job_parts_due 1", "spillway_job_leases_total 1", "spillway_job_retries_total 1",
                "spillway_jobs_cancelled_total 1", "spillway_job_part_outcomes_total{outcome=\"crash\"} 1",
                "spillway_job_video_waiting_seconds 0.0",
            ] {
                #expect(metrics.contains(line + "\n"), "\(line)")
            }
        }
    }

    @Test func aVideoInWorkIsPlayedAsSoonAsItCanBe() async throws {
        let origin = try TestOrigin()
        let queue = origin.services.api.queue
        try await origin.services.apiApplication.test(.router) { client in
            let plan = try await leased(origin)
            let path = "/v1/videos/\(plan.videoID)"
            let parts = [PartSpec(kind: .whole, weight: 10), PartSpec(kind: .assembly, weight: 1)]
            _ = try await queue.complete(plan, outcome: PartOutcome(plan: "", parts: parts, videoSeconds: 60))
            #expect(try await client.call(.post, "\(path)/playback").problem == "not-ready")
            let whole = try #require(try await queue.lease(worker: "w", durationMilliseconds: 60_000))
            let rendition = JobRendition(name: "240p", isVideo: true, info: "")
            #expect(try await queue.note(whole, renditions: [rendition], segments: []))
            #expect(try await queue.announced(whole, renditions: ["240p"]))
            let progress = WorkProgress(fraction: 0.5, seconds: ["240p": 30])
            _ = try await queue.heartbeat(whole, durationMilliseconds: 60_000, progress: progress)
            let video = try await client.call(.get, path, key: nil).json
            #expect(video["status"] as? String == "PROCESSING" && video["playable"] as? Bool == true)
            #expect(video["renditions"] as? [String] == ["240p"])
            let rungs = try #require(video["rungs"] as? [[String: Any]])
            #expect(rungs.count == 1 && rungs[0]["progressPercent"] as? Double == 50)
            let playback = try await client.call(.post, "\(path)/playback", key: nil)
            #expect((playback.json["manifestUrl"] as? String)?.hasSuffix("/v/\(plan.videoID)/master.m3u8") == true)
        }
    }

    @Test func anOwnerIsTakenAtCreation() async throws {
        let origin = try TestOrigin()
        try await origin.services.apiApplication.test(.router) { client in
            #expect(try await client.call(.post, "/v1/videos", #"{"title":"x","owner":"ann"}"#).status == .created)
            let long = String(repeating: "x", count: 65)
            let refused = try await client.call(.post, "/v1/videos", "{\"title\":\"x\",\"owner\":\"\(long)\"}")
            #expect(refused.problem == "invalid-request")
        }
    }
}
