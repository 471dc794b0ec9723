// SPDX-License-Identifier: Apache-2.0

import Backends
import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Token

/// What viewers use: playback, progress, posters, and how far they watched.
extension OriginAPI {
    static let sessionCharactersMax = 64
    /// A session that comes back to a video after an hour counts as a new view.
    static let newViewMilliseconds: Int64 = 3_600_000
    static let positionSecondsMax = 1e7

    func addPlaybackRoutes(_ router: Router<BasicRequestContext>) {
        router.post("/v1/videos/:id/playback") { request, context in
            try requireReader(request)
            return try await startPlayback(videoID(context), request)
        }
        router.get("/v1/videos/:id/events") { request, context in
            try requireReader(request)
            return try await eventStream(videoID(context), request)
        }
        router.put("/v1/videos/:id/watch") { request, context in
            try requireReader(request)
            return try await storePosition(videoID(context), request)
        }
        router.get("/v1/videos/:id/watch") { request, context in
            try requireReader(request)
            return try await readPosition(videoID(context), request)
        }
        router.get("/v1/videos/:id/poster.jpg") { request, context in
            try await picture("poster.jpg", of: videoID(context), request)
        }
        router.get("/v1/videos/:id/preview.mp4") { request, context in
            try await picture("preview.mp4", of: videoID(context), request)
        }
    }

    private struct Playback: Encodable {
        var manifestUrl: String
        /// WebVTT that names the small picture for each time; null until READY, and for sound alone.
        var spritesUrl: String?
        var posterUrl: String
        var token: String
        var expiresAt: String

        // Written out, because an absent value is `null` here, not a missing key.
        func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encode(manifestUrl, forKey: .manifestUrl)
            try fields.encode(spritesUrl, forKey: .spritesUrl)
            try fields.encode(posterUrl, forKey: .posterUrl)
            try fields.encode(token, forKey: .token)
            try fields.encode(expiresAt, forKey: .expiresAt)
        }

        private enum CodingKeys: String, CodingKey {
            case manifestUrl, spritesUrl, posterUrl, token, expiresAt
        }
    }

    private func startPlayback(_ id: String, _ request: Request) async throws -> Response {
        let session = try Self.session(await APIRequestBody(request).text("session", charactersMax: 1000))
        let video = try await catalog.video(id: id)
        guard video.isPlayable else {
            throw Problem.conflict(
                "not-ready", "The video can not be played",
                video.status == .failed
                    ? "The video could not be prepared: \(video.failureReason)"
                    : "The video is still being prepared. Its status is \(video.status.rawValue).")
        }
        let expiry = clock() + Int64(configuration.playback.tokenSeconds)
        let claims = TokenClaims(expirySeconds: expiry, acl: ["/v/\(id)/*"], session: session)
        let token = try signToken(claims, key: tokenKeys.keys[0])
        let folder = "\(Self.edge(of: id, configuration.playback.edges))/hdnts=\(token)/v/\(id)"
        let playback = Playback(
            manifestUrl: folder + "/master.m3u8", spritesUrl: video.hasPictures ? folder + "/sprite.vtt" : nil,
            posterUrl: posterURL(id, configuration.api.publicURL), token: token, expiresAt: timestamp(expiry * 1000))
        return try jsonResponse(playback)
    }

    /// The edge that serves a video: always the same one, so that its cache holds the video once.
    static func edge(of id: String, _ edges: [String]) -> String {
        let digest = SHA256.hash(data: Data(id.utf8))
        let number = digest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return edges[Int(number % UInt64(edges.count))]
    }

    private func eventStream(_ id: String, _ request: Request) async throws -> Response {
        let video = try await catalog.video(id: id)
        guard let subscription = await progress.subscribe(video) else { throw Problem.unavailable }
        let headers: HTTPFields = [
            .contentType: "text/event-stream", .cacheControl: "no-store",
            // Tells nginx and its like not to hold events back.
            HTTPField.Name("x-accel-buffering")!: "no",
        ]
        let publicURL = configuration.api.publicURL
        let body = ResponseBody { writer in
            // Ends at once when the client goes, instead of at the second write that fails.
            try await request.body.consumeWithCancellationOnInboundClose { _ in
                for await event in subscription.events {
                    switch event {
                    case .heartbeat:
                        try await writer.write(ByteBuffer(string: ": alive\n\n"))
                    case .changed(let video, let renditions):
                        let json = try jsonText(VideoJSON(video, renditions: renditions, publicURL: publicURL))
                        try await writer.write(ByteBuffer(string: "event: progress\ndata: \(json)\n\n"))
                    }
                }
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    private func storePosition(_ id: String, _ request: Request) async throws -> Response {
        let body = try await APIRequestBody(request)
        guard let session = try Self.session(body.text("session", charactersMax: 1000)) else {
            throw Problem.invalid("`session` is required.")
        }
        guard let position = try body.number("positionSeconds", in: 0...Self.positionSecondsMax) else {
            throw Problem.invalid("`positionSeconds` is required.")
        }
        try await catalog.recordWatch(
            videoID: id, session: session, positionMilliseconds: Int64(position * 1000),
            newViewMilliseconds: Self.newViewMilliseconds)
        return Response(status: .noContent)
    }

    private struct Position: Encodable {
        var session: String
        var positionSeconds: Double
        var views: Int64
    }

    private func readPosition(_ id: String, _ request: Request) async throws -> Response {
        let text = request.uri.queryParameters["session"].map(String.init)
        guard let session = try Self.session(text) else { throw Problem.invalid("`session` is required.") }
        _ = try await catalog.video(id: id)
        let position = try await catalog.watchPosition(videoID: id, session: session) ?? 0
        let views = try await catalog.stats(videoID: id).views
        return try jsonResponse(Position(session: session, positionSeconds: Double(position) / 1000, views: views))
    }

    /// Poster and preview of the lists that pages show; the edge is for viewers.
    private func picture(_ name: String, of id: String, _ request: Request) async throws -> Response {
        do {
            let reader = try await store.open(bucket: "media", key: "v/\(id)/\(name)")
            return ObjectResponse(reader.info, request: request.headers)
                .response(reader: reader, isHead: request.method == .head)
        } catch ObjectStoreError.notFound {
            throw Problem.notFound
        }
    }

    /// A session's name goes into tokens and logs, so its characters are few. Nil when absent; throws a `Problem`.
    private static func session(_ text: String?) throws -> String? {
        guard let text, !text.isEmpty else { return nil }
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._".utf8.contains(byte)
            }
        }
        guard allowed, text.utf8.count <= sessionCharactersMax else {
            throw Problem.invalid("`session` may have at most \(sessionCharactersMax) letters, digits, and -._")
        }
        return text
    }
}
