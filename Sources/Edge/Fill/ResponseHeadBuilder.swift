// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net

/// Turns an upstream's response head into the one that is stored and sent.
struct ResponseHeadBuilder: Sendable {
    /// The fields of a stored head together, so that a response always fits the output's room.
    static let fieldBytesMax = 12_288

    /// A longer Cache-Status of the upstream is dropped rather than passed on.
    static let cacheStatusBytesMax = 1024

    let allowOrigin: String
    /// Surrogate keys are for caches: a shield passes them on, an edge keeps them.
    let passesSurrogateKey: Bool

    /// Nil when the head is too large to be sent on.
    func build(_ response: UpstreamResponse, path: [UInt8], nowMilliseconds: Int64) -> ObjectHead? {
        var fields: [(name: [UInt8], value: [UInt8])] = []
        for field in response.fields where passes(field.name) { fields.append(field) }
        if response.first("date") == nil {
            fields.append((Array("date".utf8), Array(formatHTTPDate(seconds: Clock.wallSeconds()).utf8)))
        }
        if response.status == 200, response.contentLength != nil {
            fields.append((Array("accept-ranges".utf8), Array("bytes".utf8)))
        }
        if !allowOrigin.isEmpty {
            // Always, not only for requests with an Origin: a browser may use its copy for either kind.
            fields.append((Array("access-control-allow-origin".utf8), Array(allowOrigin.utf8)))
        }
        let bytes = fields.reduce(0) { $0 + $1.name.count + $1.value.count + 4 }
        guard bytes <= Self.fieldBytesMax, fields.count <= 100 else { return nil }
        let cacheStatus = response.all("cache-status") ?? []
        let age = response.first("age").flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
        return ObjectHead(
            status: response.status, fields: FieldBlock(fields), fieldBytes: bytes, etag: response.first("etag") ?? [],
            storability: storability(response), initialAgeSeconds: max(0, min(age, Int(Int32.max))),
            storedMilliseconds: nowMilliseconds, isUrgent: isUrgent(response, path),
            upstreamCacheStatus: cacheStatus.count <= Self.cacheStatusBytesMax ? cacheStatus : [])
    }

    /// Playlists and initialization segments: nothing plays before they are there, and they are small.
    private func isUrgent(_ response: UpstreamResponse, _ path: [UInt8]) -> Bool {
        let type = response.first("content-type").map { String(decoding: $0, as: UTF8.self).lowercased() } ?? ""
        let isPlaylist = ["application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl"].contains {
            type.hasPrefix($0)
        }
        return isPlaylist || path.reversed().starts(with: "/init.mp4".utf8.reversed())
    }

    private func storability(_ response: UpstreamResponse) -> Storability {
        var fields = StorabilityFields()
        fields.cacheControl = response.all("cache-control")
        fields.cdnCacheControl = response.all("cdn-cache-control")
        fields.age = response.first("age")
        fields.vary = response.first("vary")
        fields.hasSetCookie = response.first("set-cookie") != nil
        fields.expiresSeconds = response.first("expires").flatMap { parseHTTPDate($0) }
        fields.dateSeconds = response.first("date").flatMap { parseHTTPDate($0) }
        return Storability(status: response.status, fields)
    }

    private func passes(_ name: [UInt8]) -> Bool {
        switch String(decoding: name, as: UTF8.self) {
        // Made anew for each response.
        case "age", "cache-status", "accept-ranges": false
        case "access-control-allow-origin", "access-control-expose-headers": allowOrigin.isEmpty
        case "surrogate-key": passesSurrogateKey
        default: true
        }
    }
}
