// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import HTTPTypes
import Hummingbird
import NIOCore

/// The service from which shields fetch: GET and HEAD of `/v/{id}/{path}`, the object `v/{id}/{path}` of the bucket
/// `media`. It checks no token; only shields may reach it.
struct DeliveryEndpoint: Sendable {
    let store: any ObjectStore
    let metrics: OriginMetrics
    let accessLog: AccessLog?

    /// Answers a request, errors included.
    func respond(to request: Request) async -> Response {
        let path = String((request.head.path ?? "").prefix { $0 != "?" })
        let (metrics, accessLog) = (metrics, accessLog)
        let (method, range) = (request.method.rawValue, request.headers[.range])
        @Sendable func log(_ status: HTTPResponse.Status, _ bytes: Int64) {
            metrics.countDelivered(bytes: bytes)
            accessLog?.write(method: method, path: path, status: status.code, bytes: bytes, range: range)
        }
        do {
            guard request.method == .get || request.method == .head else {
                log(.methodNotAllowed, 0)
                return Response(status: .methodNotAllowed, headers: [.allow: "GET, HEAD"])
            }
            guard let (id, key) = Self.objectKey(path) else { throw ObjectStoreError.notFound }
            let reader = try await store.open(bucket: "media", key: key)
            var object = ObjectResponse(reader.info, request: request.headers)
            object.headers[.surrogateKey] = Self.surrogateKeys(id, key)
            let status = object.status
            return object.response(reader: reader, isHead: request.method == .head) { log(status, $0) }
        } catch ObjectStoreError.notFound {
            log(.notFound, 0)
            // Short-lived, so that a video that is just being published appears soon.
            return Response(status: .notFound, headers: [.cacheControl: "max-age=1"])
        } catch {
            log(.serviceUnavailable, 0)
            Log.error("an object can not be delivered", ["path": path, "reason": "\(error)"])
            return Response(status: .serviceUnavailable, headers: [.cacheControl: "no-store", .retryAfter: "1"])
        }
    }

    /// A video's playlists can be purged alone: segments never change.
    static func surrogateKeys(_ id: String, _ key: String) -> String {
        let video = MediaKeys.video(id)
        return key.hasSuffix(".m3u8") ? "\(video) \(MediaKeys.playlists(videoID: id))" : video
    }

    /// `/v/{id}/{path}` as it came over the wire; nil for anything else. Keys need no escaping, so an escape can only
    /// be an attempt to leave the folder.
    static func objectKey(_ path: String) -> (id: String, key: String)? {
        let key = String(path.dropFirst())
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        guard path.hasPrefix("/v/"), parts.count >= 3, ObjectNames.problem(key: key) == nil else { return nil }
        return (String(parts[1]), key)
    }
}

extension HTTPField.Name {
    static let surrogateKey = Self("surrogate-key")!
}
