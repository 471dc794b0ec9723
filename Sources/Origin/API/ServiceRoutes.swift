// SPDX-License-Identifier: Apache-2.0

import Backends
import HTTPTypes
import Hummingbird
import NIOCore

/// Health, metrics and the web app.
extension OriginAPI {
    func addServiceRoutes(_ router: Router<BasicRequestContext>) {
        router.get("/healthz") { _, _ in
            // Asks the database, so that a node that can not serve says so.
            _ = try await catalog.videos(status: nil, after: nil, limit: 1)
            return try jsonResponse(["status": "ok"])
        }
        router.get("/metrics") { _, _ in try await metricsResponse() }
        router.get("/") { request, _ in webApp.page(request) }
        router.get("/watch/**") { request, _ in webApp.page(request) }
        router.get("/vendor/hls.mjs") { request, _ in try webApp.player(request) }
        router.get("/**") { request, _ in try webApp.file(request) }
    }

    private func metricsResponse() async throws -> Response {
        var text = metrics.text
        text += queueText(try await queue.figures())
        text += "# TYPE spillway_origin_videos gauge\n"
        for (status, count) in try await catalog.countsByStatus().sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            text += "spillway_origin_videos{status=\"\(status.rawValue)\"} \(count)\n"
        }
        let purges = try await outbox.pending()
        text += "# TYPE spillway_origin_purges_pending gauge\n"
        text += "spillway_origin_purges_pending \(purges.count)\n"
        text += "# TYPE spillway_origin_purge_oldest_seconds gauge\n"
        text += "spillway_origin_purge_oldest_seconds \(purges.oldestMilliseconds / 1000)\n"
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
