// SPDX-License-Identifier: Apache-2.0

import Backends
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Testing

@testable import Origin

/// The API's routes on real stores.
@Suite struct OriginAPITests {
    /// A created video's identifier.
    func create(_ client: some TestClientProtocol, _ title: String = "Clip") async throws -> String {
        let created = try await client.call(.post, "/v1/videos", "{\"title\":\"\(title)\"}")
        let video = created.json["video"] as? [String: Any]
        return try #require(video?["id"] as? String)
    }

    @Test func aVideoLivesFromCreationToDeletion() async throws {
        let origin = try TestOrigin()
        try await origin.services.apiApplication.test(.router) { client in
            let created = try await client.call(
                .post, "/v1/videos", #"{"title":" Clip ","description":"d","contentType":"video/mp4","bytes":5}"#)
            #expect(created.status == .created)
            let video = try #require(created.json["video"] as? [String: Any])
            let upload = try #require(created.json["upload"] as? [String: Any])
            let id = try #require(video["id"] as? String)
            #expect(created.headers[.location] == "/v1/videos/\(id)")
            #expect(video["title"] as? String == "Clip")
            #expect(video["status"] as? String == "UPLOADING")
            #expect(video["durationSeconds"] is NSNull && video["failureReason"] is NSNull)
            #expect(upload["method"] as? String == "PUT")
            #expect((upload["url"] as? String ?? "").hasPrefix("http://localhost/uploads/\(id)/raw?X-Amz-"))
            #expect(upload["headers"] as? [String: String] == ["Content-Type": "video/mp4"])

            let early = try await client.call(.post, "/v1/videos/\(id)/complete")
            #expect(early.status == .conflict && early.problem == "upload-missing")
            #expect(try await client.call(.post, "/v1/videos/\(id)/playback").problem == "not-ready")

            let file = origin.folder + "/raw"
            try "bytes".write(toFile: file, atomically: true, encoding: .utf8)
            _ = try await origin.services.api.store.put(
                bucket: "uploads", key: "\(id)/raw", file: file, contentType: "", cacheControl: "")
            for _ in 0..<2 {
                let complete = try await client.call(.post, "/v1/videos/\(id)/complete")
                #expect(complete.status == .accepted)
                #expect(complete.json["status"] as? String == "PROCESSING")
            }
            let changed = try await client.call(.patch, "/v1/videos/\(id)", #"{"title":"New"}"#)
            #expect(changed.json["title"] as? String == "New")
            #expect(changed.json["description"] as? String == "d")
            try await origin.putMedia("v/\(id)/master.m3u8", "#EXTM3U")
            #expect(try await client.call(.delete, "/v1/videos/\(id)").status == .noContent)
            #expect(try await client.call(.get, "/v1/videos/\(id)").problem == "video-not-found")
            #expect(try await client.call(.delete, "/v1/videos/\(id)").status == .notFound)
            #expect(try await origin.services.api.store.list(bucket: "media", prefix: "").isEmpty)
            #expect(try await origin.services.api.store.list(bucket: "uploads", prefix: "").isEmpty)
        }
    }

    @Test func writesNeedAKey() async throws {
        let origin = try TestOrigin()
        try await origin.services.apiApplication.test(.router) { client in
            let id = try await create(client)
            for key in [nil, "", "wrong", TestOrigin.secret + "x", String(TestOrigin.secret.dropLast())] {
                for (method, path) in [
                    (HTTPRequest.Method.post, "/v1/videos"), (.patch, "/v1/videos/\(id)"),
                    (.delete, "/v1/videos/\(id)"), (.post, "/v1/videos/\(id)/complete"),
                ] {
                    let answer = try await client.call(method, path, #"{"title":"x"}"#, key: key)
                    #expect(answer.status == .unauthorized && answer.problem == "unauthorized", "\(method) \(path)")
                }
            }
            #expect(try await client.call(.get, "/v1/videos/\(id)", key: nil).status == .ok)
        }
    }

    @Test func aClosedSiteAsksReadersForAKeyToo() async throws {
        let origin = try TestOrigin { $0.playback.isPublic = false }
        try await origin.services.apiApplication.test(.router) { client in
            let id = try await create(client)
            for path in [
                "/v1/videos", "/v1/videos/\(id)", "/v1/videos/\(id)/watch?session=a", "/v1/videos/\(id)/events",
            ] {
                #expect(try await client.call(.get, path, key: nil).status == .unauthorized, "\(path)")
            }
            #expect(try await client.call(.get, "/v1/videos").status == .ok)
        }
    }

    @Test func wrongInputIsAnsweredWithASentence() async throws {
        let origin = try TestOrigin()
        let long = String(repeating: "x", count: 201)
        try await origin.services.apiApplication.test(.router) { client in
            let bodies = [
                "", "{}", "[]", "nonsense", #"{"title":""}"#, #"{"title":"  "}"#, #"{"title":5}"#, #"{"title":null}"#,
                "{\"title\":\"\(long)\"}", #"{"title":"a\u0000b"}"#, #"{"title":"x","contentType":"text/html"}"#,
                #"{"title":"x","bytes":0}"#, #"{"title":"x","bytes":"5"}"#, #"{"title":"x","bytes":1e17}"#,
                #"{"title":"x","description":["y"]}"#,
            ]
            for body in bodies {
                let answer = try await client.call(.post, "/v1/videos", body)
                #expect(answer.status == .badRequest && answer.problem == "invalid-request", "\(body)")
            }
            let huge = try await client.call(.post, "/v1/videos", String(repeating: " ", count: 65537))
            #expect(huge.status == .contentTooLarge && huge.problem == "too-large")
            let id = try await create(client)
            #expect(try await client.call(.patch, "/v1/videos/\(id)", "{}").status == .badRequest)
            #expect(try await client.call(.patch, "/v1/videos/\(id)", #"{"title":""}"#).status == .badRequest)
            for query in ["limit=0", "limit=101", "limit=x", "status=DONE", "cursor=x", "cursor=1.2.3"] {
                #expect(try await client.call(.get, "/v1/videos?\(query)").problem == "invalid-request", "\(query)")
            }
            for path in ["/v1/videos/..%2f", "/v1/videos/a%00", "/v1/videos/" + String(repeating: "a", count: 65)] {
                #expect(try await client.call(.get, path).status == .notFound, "\(path)")
            }
            #expect(try await client.call(.get, "/v1/nothing").status == .notFound)
        }
    }

    @Test func theListIsPaged() async throws {
        let origin = try TestOrigin()
        try await origin.services.apiApplication.test(.router) { client in
            var made: [String] = []
            for index in 0..<5 { made.append(try await create(client, "\(index)")) }
            var seen: [String] = []
            var cursor: String?
            repeat {
                let path = "/v1/videos?limit=2" + (cursor.map { "&cursor=\($0)" } ?? "")
                let page = try await client.call(.get, path, key: nil).json
                seen += (page["videos"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
                cursor = page["nextCursor"] as? String
            } while cursor != nil
            #expect(seen.count == 5)
            #expect(Set(seen) == Set(made))
            let ready = try await client.call(.get, "/v1/videos?status=READY", key: nil).json
            #expect((ready["videos"] as? [Any])?.isEmpty == true && ready["nextCursor"] is NSNull)
        }
    }

    @Test func playbackGivesASignedAddressOnTheVideosEdge() async throws {
        let origin = try TestOrigin { $0.playback.tokenSeconds = 100 }
        try await origin.services.apiApplication.test(.router) { client in
            let id = try await create(client)
            try await origin.finish(id)
            let ready = try await client.call(.get, "/v1/videos/\(id)", key: nil).json
            #expect(ready["status"] as? String == "READY" && ready["renditions"] as? [String] == ["480p"])
            #expect(ready["durationSeconds"] as? Double == 30)
            let playback = try await client.call(.post, "/v1/videos/\(id)/playback", #"{"session":"s-1"}"#, key: nil)
            let token = try #require(playback.json["token"] as? String)
            let edges = origin.services.api.configuration.playback.edges
            let edge = OriginAPI.edge(of: id, edges)
            #expect(edges.contains(edge) && OriginAPI.edge(of: id, edges) == edge)
            #expect(playback.json["manifestUrl"] as? String == "\(edge)/hdnts=\(token)/v/\(id)/master.m3u8")
            #expect(token.contains("~acl=/v/\(id)/*~id=s-1~hmac="))
            #expect(token.split(separator: "~").last?.count == 5 + 64)
            let hostile = try await client.call(
                .post, "/v1/videos/\(id)/playback", #"{"session":"a~acl=/*"}"#, key: nil)
            #expect(hostile.problem == "invalid-request")
        }
    }

    @Test func positionsAreKeptBySession() async throws {
        let origin = try TestOrigin()
        try await origin.services.apiApplication.test(.router) { client in
            let id = try await create(client)
            let path = "/v1/videos/\(id)/watch"
            let stored = try await client.call(.put, path, #"{"session":"a","positionSeconds":12.5}"#, key: nil)
            #expect(stored.status == .noContent)
            #expect(
                try await client.call(.get, path + "?session=a", key: nil).json["positionSeconds"] as? Double == 12.5)
            #expect(try await client.call(.get, path + "?session=b", key: nil).json["positionSeconds"] as? Double == 0)
            #expect(try await client.call(.get, path + "?session=a", key: nil).json["views"] as? Int == 1)
            for body in [
                "{}", #"{"session":"a"}"#, #"{"positionSeconds":1}"#, #"{"session":"a","positionSeconds":-1}"#,
                #"{"session":"a/b","positionSeconds":1}"#, #"{"session":"a","positionSeconds":1e9}"#,
            ] {
                #expect(try await client.call(.put, path, body, key: nil).status == .badRequest, "\(body)")
            }
            let body = #"{"session":"a","positionSeconds":1}"#
            #expect(try await client.call(.put, "/v1/videos/none/watch", body).status == .notFound)
        }
    }

    @Test func progressIsToldUntilTheVideoIsReady() async throws {
        let origin = try TestOrigin()
        let hub = origin.services.api.progress
        let polling = Task { try await hub.run() }
        defer { polling.cancel() }
        try await origin.services.apiApplication.test(.router) { client in
            let id = try await create(client)
            async let stream = client.call(.get, "/v1/videos/\(id)/events", key: nil)
            // The stream is open before the video changes; on a busy machine that may take a while.
            while !origin.services.api.metrics.text.contains("spillway_origin_event_streams 1") {
                try await Task.sleep(for: .milliseconds(20))
            }
            try await origin.finish(id)
            let events = try await stream
            #expect(events.headers[.contentType] == "text/event-stream")
            let blocks = events.text.components(separatedBy: "\n\n").filter { $0.hasPrefix("event: progress\ndata: {") }
            #expect(blocks.count >= 2)
            #expect(blocks.first?.contains("\"UPLOADING\"") == true)
            #expect(blocks.last?.contains("\"READY\"") == true && blocks.last?.contains("480p") == true)
            let again = try await client.call(.get, "/v1/videos/\(id)/events", key: nil)
            #expect(again.text.components(separatedBy: "event: progress").count == 2)
            #expect(try await client.call(.get, "/v1/videos/none/events", key: nil).status == .notFound)
        }
    }

    @Test func theWebAppServesOnlyItsOwnFiles() async throws {
        let origin = try TestOrigin()
        try await origin.services.apiApplication.test(.router) { client in
            for path in ["/", "/watch/abc"] {
                let page = try await client.call(.get, path, key: nil)
                #expect(page.status == .ok && page.text.contains("<title>page</title>"))
                #expect(page.headers[.contentSecurityPolicy]?.contains("default-src 'self'") == true)
            }
            let script = try await client.call(.get, "/app.mjs", key: nil)
            #expect(script.headers[.contentType] == "text/javascript; charset=utf-8")
            for path in [
                "/../api.keys", "/..%2fapi.keys", "/%2e%2e/api.keys", "/.hidden.txt", "/web/../../api.keys",
                "/none.mjs",
                "/vendor/hls.mjs", "//etc/passwd", "/app.mjs%00", "/app",
            ] {
                #expect(try await client.call(.get, path, key: nil).status == .notFound, "\(path)")
            }
        }
    }

    @Test func whatNobodyCompletesIsRemovedInTheEnd() async throws {
        let origin = try TestOrigin { $0.s3.presignSeconds = 900 }
        let (catalog, store) = (origin.services.api.catalog, origin.services.api.store)
        let abandoned = try await catalog.createVideo(title: "abandoned", description: "")
        let ready = try await catalog.createVideo(title: "ready", description: "")
        try await origin.finish(ready.id)
        let file = origin.folder + "/raw"
        try "bytes".write(toFile: file, atomically: true, encoding: .utf8)
        _ = try await store.put(
            bucket: "uploads", key: "\(abandoned.id)/raw", file: file, contentType: "", cacheControl: "")
        try await catalog.recordWatch(
            videoID: ready.id, session: "s", positionMilliseconds: 5, newViewMilliseconds: 1000)
        func tidy(after days: Int64) async throws {
            var housekeeping = origin.services.housekeeping
            housekeeping.clock = { abandoned.createdMilliseconds + days * 86_400_000 }
            try await housekeeping.tidy()
        }
        try await tidy(after: 1)
        #expect(try await catalog.video(id: abandoned.id).status == .uploading)
        try await tidy(after: 2)
        await #expect(throws: BackendError.notFound) { try await catalog.video(id: abandoned.id) }
        #expect(try await store.list(bucket: "uploads", prefix: "").isEmpty)
        #expect(try await catalog.video(id: ready.id).status == .ready)
        #expect(try await catalog.watchPosition(videoID: ready.id, session: "s") == 5)
        try await tidy(after: 181)
        #expect(try await catalog.watchPosition(videoID: ready.id, session: "s") == nil)
        #expect(try await catalog.stats(videoID: ready.id).views == 1)
    }

    @Test func healthAndMetricsAnswer() async throws {
        let origin = try TestOrigin()
        try await origin.services.apiApplication.test(.router) { client in
            #expect(try await client.call(.get, "/healthz", key: nil).json["status"] as? String == "ok")
            _ = try await create(client)
            let text = try await client.call(.get, "/metrics", key: nil).text
            #expect(text.contains("spillway_origin_videos{status=\"UPLOADING\"} 1\n"))
            #expect(text.contains("spillway_origin_requests_total{listener=\"api\",status=\"2xx\"} 2\n"))
        }
    }
}
