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

    /// The upstream's word on other sites is dropped where the edge has its own.
    private let answersOrigins: Bool
    private let compression: CompressionRules
    /// Surrogate keys are for caches: a shield passes them on, an edge keeps them.
    private let passesSurrogateKey: Bool
    private let rules = ResponseRules(CacheRulesSettings())

    init(_ settings: EdgeSettings) {
        answersOrigins = !settings.crossOrigin.allowOrigins.isEmpty
        compression = settings.compression
        passesSurrogateKey = settings.isShield
    }

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
        let isCompressible = isCompressible(response)
        if isCompressible, response.all("vary")?.withUnsafeBytes({ $0.listHolds("accept-encoding") }) != true {
            fields.append((Array("vary".utf8), Array("accept-encoding".utf8)))
        }
        guard ObjectHead.bytes(of: fields) <= Self.fieldBytesMax, fields.count <= 100 else { return nil }
        let cacheStatus = response.all("cache-status") ?? []
        let age = response.first("age").flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
        return ObjectHead(
            status: response.status, fields: fields, isCompressible: isCompressible,
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

    private func isCompressible(_ response: UpstreamResponse) -> Bool {
        guard response.status == 200, response.first("content-encoding") == nil,
            compression.covers(contentType: response.first("content-type") ?? [])
        else { return false }
        if let length = response.contentLength, length < compression.minimumBytes || length > compression.maximumBytes {
            return false
        }
        // RFC 9111 section 5.2.2.6.
        return response.all("cache-control")?.withUnsafeBytes { $0.listHolds("no-transform") } != true
    }

    /// What may be kept, as far as it can be yet: nothing is validated, and variants are not kept apart.
    private func storability(_ response: UpstreamResponse) -> Storability {
        let now = Clock.wallMilliseconds()
        let judged = rules.judge(
            .get, hasAuthorization: false, status: response.status, fields: response.fields,
            requestMilliseconds: now, responseMilliseconds: now)
        guard judged != .uncacheable else { return .uncacheable }
        let vary = response.fields.filter { $0.name.elementsEqual("vary".utf8) }.map(\.value)
        // Neither Accept-Encoding nor Origin ever goes upstream: what comes is the answer to a request without them, and
        // the edge itself does the rest.
        let answered = ["accept-encoding", "origin"].map { Array($0.utf8) }
        guard VaryRule.parse(vary, answered: answered) == .independent else { return .uncacheable }
        guard case .store(let freshness) = judged else { return judged }
        guard freshness.fieldsNotReused.isEmpty else { return .uncacheable }
        return freshness.usableAfterArrivalMilliseconds > 0 ? judged : .shareOnce
    }

    private func passes(_ name: [UInt8]) -> Bool {
        switch String(decoding: name, as: UTF8.self) {
        // Made anew for each response.
        case "age", "cache-status", "accept-ranges": false
        case "access-control-allow-origin", "access-control-expose-headers", "access-control-allow-credentials":
            !answersOrigins
        case "surrogate-key": passesSurrogateKey
        default: true
        }
    }
}
