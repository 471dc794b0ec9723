// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import HTTPTypes
import Hummingbird
import NIOCore
import Token

/// The HTTP API and what it works with. The routes are in `VideoRoutes`, `JobRoutes`, `PlaybackRoutes` and
/// `ServiceRoutes`.
struct OriginAPI: Sendable {
    let configuration: OriginConfiguration
    let catalog: any Catalog
    let queue: SQLiteJobQueue
    let outbox: SQLitePurgeOutbox
    let store: any ObjectStore
    let apiKeys: APIKeys
    let presigner: S3Presigner
    let tokenKeys: TokenKeySet
    let progress: ProgressHub
    let webApp: WebApp
    let metrics: OriginMetrics
    /// Seconds since 1970; tests bring their own.
    var clock: @Sendable () -> Int64 = Clock.wallSeconds

    /// All routes of the API's listener.
    func router() -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: APIMiddleware(metrics: metrics))
        addVideoRoutes(router)
        addJobRoutes(router)
        addPlaybackRoutes(router)
        addServiceRoutes(router)
        return router
    }

    /// Throws a `Problem` unless the request carries a valid API key.
    func requireKey(_ request: Request) throws {
        let header = request.headers[.authorization] ?? ""
        let scheme = header.prefix(7)
        guard scheme.lowercased() == "bearer ", apiKeys.name(ofSecret: header.dropFirst(7)) != nil else {
            throw Problem.unauthorized
        }
    }

    /// Throws a `Problem` when reading needs a key and there is none.
    func requireReader(_ request: Request) throws {
        if !configuration.playback.isPublic { try requireKey(request) }
    }

    /// The identifier in the path. Throws a `Problem` for what can not be one.
    func videoID(_ context: BasicRequestContext) throws -> String {
        guard let id = context.parameters.get("id"), id.utf8.count <= 64,
            id.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else { throw Problem.videoNotFound }
        return id
    }

    func json(_ video: Video) async throws -> VideoJSON {
        let renditions = try await catalog.renditions(ids: [video.id])
        return VideoJSON(
            video, renditions: renditions[video.id] ?? [], publicURL: configuration.api.publicURL)
    }
}

/// Turns every error into a problem document, counts, and adds the headers that all answers carry.
struct APIMiddleware: RouterMiddleware {
    typealias Context = BasicRequestContext

    let metrics: OriginMetrics

    func handle(_ request: Request, context: Context, next: (Request, Context) async throws -> Response)
        async throws -> Response
    {
        var response: Response
        do {
            response = try await next(request, context)
        } catch {
            response = Problem(error, path: request.uri.path).response
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        metrics.countRequest(.api, status: response.status.code)
        return response
    }
}
