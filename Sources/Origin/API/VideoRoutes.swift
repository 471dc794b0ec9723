// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import HTTPTypes
import Hummingbird
import NIOCore

/// Creating, reading, changing and deleting videos, and the end of an upload.
extension OriginAPI {
    static let titleCharactersMax = 200
    static let descriptionCharactersMax = 5000
    static let ownerCharactersMax = 64
    static let pageSize = 24
    static let pageSizeMax = 100

    func addVideoRoutes(_ router: Router<BasicRequestContext>) {
        router.post("/v1/videos") { request, _ in
            try requireKey(request)
            return try await createVideo(request)
        }
        router.get("/v1/videos") { request, _ in
            try requireReader(request)
            return try await listVideos(request)
        }
        router.get("/v1/videos/:id") { request, context in
            try requireReader(request)
            return try jsonResponse(try await json(catalog.video(id: videoID(context))))
        }
        router.patch("/v1/videos/:id") { request, context in
            try requireKey(request)
            return try await changeVideo(videoID(context), request)
        }
        router.delete("/v1/videos/:id") { request, context in
            try requireKey(request)
            return try await deleteVideo(videoID(context))
        }
        router.post("/v1/videos/:id/complete") { request, context in
            try requireKey(request)
            return try await completeUpload(videoID(context))
        }
    }

    private struct Upload: Encodable {
        var method: String
        var url: String
        var headers: [String: String]
        var expiresAt: String
    }

    private struct Created: Encodable {
        var video: VideoJSON
        var upload: Upload
    }

    private func createVideo(_ request: Request) async throws -> Response {
        let body = try await APIRequestBody(request)
        guard let title = try body.text("title", charactersMax: Self.titleCharactersMax), !title.isEmpty else {
            throw Problem.invalid("`title` is required: 1 to \(Self.titleCharactersMax) characters.")
        }
        let description = try body.text("description", charactersMax: Self.descriptionCharactersMax) ?? ""
        let contentType = try body.text("contentType", charactersMax: 100)
        if let contentType, !Self.isMediaType(contentType) {
            throw Problem.invalid("`contentType` must be that of a video or audio file, such as video/mp4.")
        }
        let bytesMax = configuration.s3.uploadBytesMax
        if let bytes = try body.number("bytes", in: 0...1e18), bytes < 1 || bytes > Double(bytesMax) {
            throw Problem.invalid("`bytes` must be from 1 to \(bytesMax): larger files are not accepted.")
        }
        let owner = try body.text("owner", charactersMax: Self.ownerCharactersMax) ?? ""
        let video = try await catalog.createVideo(title: title, description: description, owner: owner)
        let lifetime = configuration.s3.presignSeconds
        let now = clock()
        let upload = Upload(
            method: "PUT",
            url: presigner.url(
                method: "PUT", bucket: "uploads", key: Self.rawKey(video.id), lifetimeSeconds: lifetime, now: now),
            headers: contentType.map { ["Content-Type": $0] } ?? [:],
            expiresAt: timestamp((now + Int64(lifetime)) * 1000))
        Log.info("a video was created", ["video": video.id])
        let created = Created(video: try await json(video), upload: upload)
        return try jsonResponse(created, status: .created, headers: [.location: "/v1/videos/\(video.id)"])
    }

    private struct Page: Encodable {
        var videos: [VideoJSON]
        var nextCursor: String?

        func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encode(videos, forKey: .videos)
            try fields.encode(nextCursor, forKey: .nextCursor)
        }

        private enum CodingKeys: String, CodingKey {
            case videos, nextCursor
        }
    }

    private func listVideos(_ request: Request) async throws -> Response {
        let parameters = request.uri.queryParameters
        var limit = Self.pageSize
        if let text = parameters["limit"] {
            guard let number = Int(text), (1...Self.pageSizeMax).contains(number) else {
                throw Problem.invalid("`limit` must be a number from 1 to \(Self.pageSizeMax).")
            }
            limit = number
        }
        var status: VideoStatus?
        if let text = parameters["status"], !text.isEmpty {
            status = VideoStatus(rawValue: String(text))
            let allowed = VideoStatus.allCases.map(\.rawValue).joined(separator: ", ")
            guard status != nil else { throw Problem.invalid("`status` must be one of \(allowed).") }
        }
        var cursor: VideoCursor?
        if let text = parameters["cursor"], !text.isEmpty {
            cursor = Self.parseCursor(String(text))
            guard cursor != nil else { throw Problem.invalid("`cursor` must be a `nextCursor` of an earlier answer.") }
        }
        // One more than asked shows whether there is a next page.
        var videos = try await catalog.videos(status: status, after: cursor, limit: limit + 1)
        var next: String?
        if videos.count > limit {
            videos.removeLast()
            next = videos.last.map { "\($0.createdMilliseconds).\($0.id)" }
        }
        let renditions = try await catalog.renditions(ids: videos.map(\.id))
        let page = Page(
            videos: videos.map {
                VideoJSON($0, renditions: renditions[$0.id] ?? [], publicURL: configuration.api.publicURL)
            }, nextCursor: next)
        return try jsonResponse(page)
    }

    private func changeVideo(_ id: String, _ request: Request) async throws -> Response {
        let body = try await APIRequestBody(request)
        let title = try body.text("title", charactersMax: Self.titleCharactersMax)
        let description = try body.text("description", charactersMax: Self.descriptionCharactersMax)
        guard title != nil || description != nil else {
            throw Problem.invalid("`title` or `description` is required: what else could be changed?")
        }
        if title?.isEmpty == true { throw Problem.invalid("`title` may not be empty.") }
        let video = try await catalog.updateVideo(id: id, title: title, description: description)
        return try jsonResponse(await json(video))
    }

    private func deleteVideo(_ id: String) async throws -> Response {
        // The row goes first: from then on no one is given a way to the objects, and a worker loses its lease.
        guard try await catalog.deleteVideo(id: id) else { throw Problem.videoNotFound }
        let media = try await store.deleteAll(bucket: "media", prefix: "v/\(id)/")
        _ = try await store.deleteAll(bucket: "uploads", prefix: "\(id)/")
        // Only now: a cache that forgot it before would have fetched it again.
        try await catalog.purgeVideo(id: id)
        Log.info("a video was deleted", ["video": id, "objects": "\(media)"])
        return Response(status: .noContent)
    }

    private func completeUpload(_ id: String) async throws -> Response {
        let video = try await catalog.video(id: id)
        if video.status == .uploading {
            do {
                _ = try await store.head(bucket: "uploads", key: Self.rawKey(id))
            } catch {
                guard error == .notFound else { throw error }
                throw Problem.conflict(
                    "upload-missing", "The upload has not arrived",
                    "The file was not sent yet, or not as a whole. Send it to the upload URL first.")
            }
            try await queue.enqueue(videoID: id)
            Log.info("an upload is complete", ["video": id])
        }
        return try jsonResponse(await json(catalog.video(id: id)), status: .accepted)
    }

    /// The key of a video's raw file in the bucket `uploads`.
    static func rawKey(_ id: String) -> String { "\(id)/raw" }

    static func parseCursor(_ text: String) -> VideoCursor? {
        let parts = text.split(separator: ".")
        guard parts.count == 2, let created = Int64(parts[0]), parts[1].utf8.count <= 64 else { return nil }
        return VideoCursor(createdMilliseconds: created, id: String(parts[1]))
    }

    /// `video/…`, `audio/…` or one of the containers that are named otherwise. The file itself decides later.
    static func isMediaType(_ text: String) -> Bool {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        let isToken = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }
        guard halves.count == 2, !halves[1].isEmpty, isToken else { return false }
        return ["video", "audio"].contains(halves[0])
            || ["application/octet-stream", "application/mp4", "application/mxf", "application/ogg"].contains(text)
    }
}
