// SPDX-License-Identifier: Apache-2.0

import Backends
import HTTPTypes
import Hummingbird
import NIOCore

/// The job of a video: its parts, what failed and why, ending it, and taking it up again.
extension OriginAPI {
    static let triesMax = 200

    func addJobRoutes(_ router: Router<BasicRequestContext>) {
        router.get("/v1/videos/:id/job") { request, context in
            try requireKey(request)
            return try await showJob(videoID(context))
        }
        router.get("/v1/videos/:id/job/log") { request, context in
            try requireKey(request)
            return try await showLog(videoID(context))
        }
        router.post("/v1/videos/:id/cancel") { request, context in
            try requireKey(request)
            return try await cancelJob(videoID(context))
        }
        router.post("/v1/videos/:id/retry") { request, context in
            try requireKey(request)
            return try await restartJob(videoID(context))
        }
    }

    private struct JobJSON: Encodable {
        struct Part: Encodable {
            var number: Int
            var kind: String
            var phase: String
            var progressPercent: Double
            var attempt: Int
            var tries: Int
            var worker: String
            var lastFailure: String
        }

        var id: Int64
        var phase: String
        var createdAt: String
        var videoSeconds: Double
        var parts: [Part]
    }

    private func showJob(_ id: String) async throws -> Response {
        _ = try await catalog.video(id: id)
        guard let report = try await queue.report(videoID: id) else { throw Self.noJob }
        let parts = report.parts.map { part in
            JobJSON.Part(
                number: part.state.number, kind: part.state.kind.rawValue, phase: part.state.phase.rawValue,
                progressPercent: (part.fraction * 1000).rounded() / 10, attempt: part.state.attempt,
                tries: part.state.tries, worker: part.worker, lastFailure: part.lastFailure)
        }
        return try jsonResponse(
            JobJSON(
                id: report.id, phase: report.phase.rawValue, createdAt: timestamp(report.createdMilliseconds),
                videoSeconds: report.videoSeconds, parts: parts))
    }

    private struct LogJSON: Encodable {
        struct Try: Encodable {
            var part: Int
            var kind: String
            var attempt: Int
            var worker: String
            var startedAt: String
            var endedAt: String?
            var outcome: String
            var reason: String
            var log: String
        }

        var tries: [Try]
    }

    /// The tries that failed, the latest first, with what the media child printed.
    private func showLog(_ id: String) async throws -> Response {
        _ = try await catalog.video(id: id)
        let tries = try await queue.tries(videoID: id, failed: true, limit: Self.triesMax)
        return try jsonResponse(
            LogJSON(
                tries: tries.map { failed in
                    LogJSON.Try(
                        part: failed.part, kind: failed.kind.rawValue, attempt: failed.attempt, worker: failed.worker,
                        startedAt: timestamp(failed.startedMilliseconds),
                        endedAt: failed.endedMilliseconds.map(timestamp), outcome: failed.outcome,
                        reason: failed.reason, log: failed.log)
                }))
    }

    private func cancelJob(_ id: String) async throws -> Response {
        _ = try await catalog.video(id: id)
        guard try await queue.cancel(videoID: id) else {
            throw Problem.conflict(
                "not-processing", "There is nothing to cancel", "Only a video that is PROCESSING can be cancelled.")
        }
        return try jsonResponse(await json(catalog.video(id: id)))
    }

    private func restartJob(_ id: String) async throws -> Response {
        _ = try await catalog.video(id: id)
        guard try await queue.restart(videoID: id) else {
            throw Problem.conflict(
                "not-failed", "There is nothing to try again", "Only a video that is FAILED can be tried again.")
        }
        return try jsonResponse(await json(catalog.video(id: id)), status: .accepted)
    }

    private static let noJob = Problem.conflict(
        "no-job", "The video has no job", "A job is made when the upload is complete.")
}
