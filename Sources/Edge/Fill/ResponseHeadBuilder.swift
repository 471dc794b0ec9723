// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net

/// Turns an upstream's response head into the one that is stored and sent, and judges what may be done with it.
struct ResponseHeadBuilder: Sendable {
    /// What is known of a response beside its head.
    struct Arrival {
        var request = ResponseRules.Request.get
        var hasAuthorization = false
        /// The key's bytes.
        var path: [UInt8] = []
        /// The length of the whole representation; nil when its end will tell.
        var length: Int?
        /// Only some slices of the representation come.
        var isInPieces = false
        /// The request was for one client alone from the start.
        var isAlone = false
        /// Wall time at which the request was sent.
        var requestMilliseconds: Int64 = 0
        /// Loop time.
        var nowMilliseconds: Int64 = 0
    }

    /// The fields of a stored head together, so that a response always fits the output's room.
    static let fieldBytesMax = 12_288
    private static let fieldsMax = 100

    /// A longer Cache-Status of the upstream is dropped rather than passed on.
    static let cacheStatusBytesMax = 1024

    /// The upstream's word on other sites is dropped where the edge has its own.
    private let answersOrigins: Bool
    private let compression: CompressionRules
    /// Surrogate keys are for caches: a shield passes them on, an edge keeps them.
    private let passesSurrogateKey: Bool
    private let rules: ResponseRules
    private let storesSetCookie: Bool
    private let upstreamFields: UpstreamFields

    init(_ settings: EdgeSettings) {
        answersOrigins = !settings.crossOrigin.allowOrigins.isEmpty
        compression = settings.compression
        passesSurrogateKey = settings.isShield
        rules = ResponseRules(settings.cacheRules)
        storesSetCookie = settings.cacheRules.storesSetCookie
        upstreamFields = UpstreamFields(settings)
    }

    /// Nil when the head is too large to be sent on. `fields` are the end-to-end fields of the response, or those of a
    /// stored one with a 304's merged into them.
    func build(status: Int, fields: [FieldLine], _ arrival: Arrival) -> ObjectHead? {
        let fields = dated(fields)
        return assemble(status, fields, storability(status, fields, arrival), arrival)
    }

    /// The head of a response that was on disk. `now` is the loop's time.
    func restore(_ record: DiskHead, length: Int, key: CacheKey, now: Int64) -> ObjectHead? {
        var arrival = Arrival()
        arrival.path = key.target
        arrival.length = length
        arrival.nowMilliseconds = now - max(0, Clock.wallMilliseconds() - record.arrivalMilliseconds)
        return assemble(record.status, record.fields, .store(record.freshness), arrival)
    }

    private func assemble(
        _ status: Int, _ fields: [FieldLine], _ storability: Storability, _ arrival: Arrival
    ) -> ObjectHead? {
        let stored = fields.filter { !$0.name.elementsEqual("cache-status".utf8) }
        var facts = ObjectHead.Facts()
        facts.isCompressible = isCompressible(status, stored, arrival)
        facts.storability = storability
        facts.vary = rule(stored)
        facts.announcedLength = arrival.length
        facts.storedMilliseconds = arrival.nowMilliseconds
        facts.isPlaylist = isPlaylist(stored)
        // Playlists and initialization segments: nothing plays before they are there, and they are small.
        facts.isUrgent = facts.isPlaylist || arrival.path.reversed().starts(with: "/init.mp4".utf8.reversed())
        facts.surrogateKeys = SurrogateKeys(fieldValue: all("surrogate-key", of: stored) ?? [])
        let cacheStatus = all("cache-status", of: fields) ?? []
        if cacheStatus.count <= Self.cacheStatusBytesMax { facts.upstreamCacheStatus = cacheStatus }
        let sent = sent(status, stored, arrival, facts)
        guard ObjectHead.bytes(of: sent) <= Self.fieldBytesMax, sent.count <= Self.fieldsMax else { return nil }
        guard case .store(let freshness) = storability, !freshness.fieldsNotReused.isEmpty else {
            return ObjectHead(status: status, stored: stored, sent: sent, facts)
        }
        return ObjectHead(
            status: status, stored: freshness.storedFields(of: stored), sent: freshness.storedFields(of: sent),
            first: sent, facts)
    }

    /// What is passed on of an interim response; nil when that is too long.
    func interim(_ response: UpstreamResponse) -> FieldBlock? {
        let fields = response.fields.filter { passes($0.name) && !$0.name.elementsEqual("cache-status".utf8) }
        return ObjectHead.bytes(of: fields) <= Exchange.interimBytesMax ? FieldBlock(fields) : nil
    }

    /// RFC 9110 section 6.6.1: a recipient with a clock adds what is missing.
    private func dated(_ fields: [FieldLine]) -> [FieldLine] {
        guard all("date", of: fields) == nil else { return fields }
        return fields + [(Array("date".utf8), Array(formatHTTPDate(seconds: Clock.wallSeconds()).utf8))]
    }

    /// The fields of a stored response with those of a 304 or of a piece that updates it (RFC 9111 section 3.2).
    func merged(_ stored: ObjectHead, with fields: [FieldLine]) -> [FieldLine] {
        var leavingOut = stored.freshness?.fieldsNotReused ?? []
        if !storesSetCookie { leavingOut.append(Array("set-cookie".utf8)) }
        return FieldMerge.merged(stored.stored, with: fields, leavingOut: leavingOut)
    }

    /// What every answer carries.
    private func sent(
        _ status: Int, _ stored: [FieldLine], _ arrival: Arrival, _ facts: ObjectHead.Facts
    ) -> [FieldLine] {
        var sent = stored.filter { passes($0.name) }
        if case .store = facts.storability {
        } else {
            // What is not kept has the age that upstream says.
            sent += stored.filter { $0.name.elementsEqual("age".utf8) }
        }
        if status == 200, arrival.length != nil {
            sent.append((Array("accept-ranges".utf8), Array("bytes".utf8)))
        }
        if facts.isCompressible,
            all("vary", of: sent)?.withUnsafeBytes({ $0.listHolds("accept-encoding") }) != true
        {
            sent.append((Array("vary".utf8), Array("accept-encoding".utf8)))
        }
        return sent
    }

    private func storability(_ status: Int, _ fields: [FieldLine], _ arrival: Arrival) -> Storability {
        guard !arrival.isAlone else { return .uncacheable }
        return rules.judge(
            arrival.request, hasAuthorization: arrival.hasAuthorization && !upstreamFields.answersAll, status: status,
            fields: fields, storesPartial: arrival.isInPieces, requestMilliseconds: arrival.requestMilliseconds,
            responseMilliseconds: Clock.wallMilliseconds())
    }

    /// How the response depends on requests. What never goes upstream makes no difference there.
    private func rule(_ fields: [FieldLine]) -> VaryRule? {
        guard !upstreamFields.answersAll else { return nil }
        let lines = fields.filter { $0.name.elementsEqual("vary".utf8) }.map(\.value)
        guard case .selecting(let rule) = VaryRule.parse(lines, answered: upstreamFields.answered) else { return nil }
        return rule
    }

    private func isPlaylist(_ fields: [FieldLine]) -> Bool {
        let type = all("content-type", of: fields).map { String(decoding: $0, as: UTF8.self).lowercased() } ?? ""
        return ["application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl"].contains {
            type.hasPrefix($0)
        }
    }

    private func isCompressible(_ status: Int, _ fields: [FieldLine], _ arrival: Arrival) -> Bool {
        guard status == 200, all("content-encoding", of: fields) == nil,
            compression.covers(contentType: all("content-type", of: fields) ?? [])
        else { return false }
        if let length = arrival.length, !compression.covers(length: length, isPlaylist: isPlaylist(fields)) {
            return false
        }
        // RFC 9111 section 5.2.2.6.
        return all("cache-control", of: fields)?.withUnsafeBytes { $0.listHolds("no-transform") } != true
    }

    /// The lines of a field as one list; nil when there is none.
    private func all(_ name: StaticString, of fields: [FieldLine]) -> [UInt8]? {
        let values = fields.filter { field in field.name.withUnsafeBytes { $0.equals(name) } }.map(\.value)
        return values.isEmpty ? nil : Array(values.joined(separator: Array(", ".utf8)))
    }

    private func passes(_ name: [UInt8]) -> Bool {
        switch String(decoding: name, as: UTF8.self) {
        // Made anew for each response.
        case "age", "accept-ranges": false
        case "access-control-allow-origin", "access-control-expose-headers", "access-control-allow-credentials":
            !answersOrigins
        case "surrogate-key": passesSurrogateKey
        default: true
        }
    }
}
