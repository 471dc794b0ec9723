// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Token

extension EdgeWorker {
    /// Answers from an object whose head is there; its body may still be arriving.
    @inline(__always)
    func respond(_ exchange: Exchange, _ object: CachedObject, _ conditions: Conditions, _ disposition: Disposition) {
        guard let head = object.head else { preconditionFailure("an answered object has a head") }
        exchange.tag = disposition.rawValue
        if head.isUrgent { exchange.makeUrgent() }
        if disposition == .hit { counters.hits.add() }
        if head.status == 200 {
            if !conditions.ifNoneMatch.isEmpty, matches(conditions.ifNoneMatch, head.etag) {
                return respondNotModified(exchange, object, head, conditions, disposition)
            }
            // Range is defined for GET alone (RFC 9110 section 14.2).
            if !conditions.range.isEmpty, exchange.method == .get, let length = object.length,
                let range = ByteRange(conditions.range),
                conditions.ifRange.isEmpty || isStrong(head.etag, equalTo: conditions.ifRange)
            {
                let resolution = range.resolve(length: length)
                return respondRange(exchange, object, head, resolution, length, conditions, disposition)
            }
        }
        let response = exchange.begin(status: head.status)
        addCommonFields(response, head, conditions, disposition)
        let length = object.length
        if let length, head.status != 204 { response.addContentLength(length) }
        exchange.send(response, body: object, range: 0..<(length ?? .max))
    }

    private func respondRange(
        _ exchange: Exchange, _ object: CachedObject, _ head: ObjectHead, _ resolution: ByteRange.Resolution,
        _ length: Int, _ conditions: Conditions, _ disposition: Disposition
    ) {
        switch resolution {
        case .satisfiable(let range):
            let response = exchange.begin(status: 206)
            addCommonFields(response, head, conditions, disposition)
            response.addContentLength(range.count)
            response.addContentRange(range, length: length)
            exchange.send(response, body: object, range: range)
        case .unsatisfiable:
            let response = exchange.begin(status: 416)
            response.add(texts.error)
            response.addContentRange(nil, length: length)
            send(exchange, response, texts.rangeNotSatisfiable)
        }
    }

    private func respondNotModified(
        _ exchange: Exchange, _ object: CachedObject, _ head: ObjectHead, _ conditions: Conditions,
        _ disposition: Disposition
    ) {
        let response = exchange.begin(status: 304)
        addCommonFields(response, head, conditions, disposition)
        exchange.send(response, body: object, range: 0..<0)
    }

    @inline(__always)
    private func addCommonFields(
        _ response: ResponseBuilder, _ head: ObjectHead, _ conditions: Conditions, _ disposition: Disposition
    ) {
        response.add(head.fields)
        if conditions.hasOrigin { response.add(texts.exposedFields) }
        if disposition == .hit || disposition == .staleHit {
            let age = head.initialAgeSeconds + Int((loop.now - head.storedMilliseconds) / 1000)
            response.addAge(max(0, age))
            response.add(texts.cacheStatus(disposition))
        } else if head.upstreamCacheStatus.isEmpty {
            response.add(texts.cacheStatus(disposition))
        } else {
            // Each cache on the way appends its member (RFC 9211 section 2).
            let value = head.upstreamCacheStatus + Array(", \(settings.name); \(disposition.parameters)".utf8)
            value.withUnsafeBytes { response.add("cache-status", bytes: $0) }
        }
    }

    // MARK: Validators

    /// RFC 9110 section 13.1.2: any listed tag equals ours by weak comparison, or the list is `*`.
    private func matches(_ list: UnsafeRawBufferPointer, _ etag: [UInt8]) -> Bool {
        guard !etag.isEmpty else { return false }
        if list.equals("*") { return true }
        var start = 0
        while start < list.count {
            let end = list.position(of: UInt8(ascii: ","), from: start) ?? list.count
            if opaque(list.slice(start..<end).trimmed()).elementsEqual(opaque(etag)) { return true }
            start = end + 1
        }
        return false
    }

    private func opaque(_ tag: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        tag.hasPrefix("W/") ? tag.slice(2..<tag.count) : tag
    }

    private func opaque(_ tag: [UInt8]) -> ArraySlice<UInt8> {
        tag.starts(with: Array("W/".utf8)) ? tag[2...] : tag[...]
    }

    /// RFC 9110 section 13.1.5: `If-Range` needs a strong comparison; a date is not one.
    private func isStrong(_ etag: [UInt8], equalTo value: UnsafeRawBufferPointer) -> Bool {
        !etag.isEmpty && etag[0] == UInt8(ascii: "\"") && value.elementsEqual(etag)
    }

    // MARK: Answers of our own

    func respondPreflight(_ exchange: Exchange) {
        exchange.tag = Disposition.preflight.rawValue
        let response = exchange.begin(status: 204)
        response.addDate(loop.wallSeconds)
        response.add(texts.preflight)
        exchange.send(response, body: nil, range: 0..<0)
    }

    func respondMethodNotAllowed(_ exchange: Exchange) {
        exchange.tag = Disposition.rejected.rawValue
        let response = exchange.begin(status: 405)
        response.add("allow", "GET, HEAD, OPTIONS")
        response.add(texts.error)
        send(exchange, response, texts.methodNotAllowed)
    }

    func respondForbidden(_ exchange: Exchange, _ rejection: TokenRejection) {
        counters.tokensRejected.add()
        respondError(exchange, status: 403, .rejected, texts.forbidden[rejection])
    }

    func respondError(_ exchange: Exchange, status: Int, _ disposition: Disposition, _ body: BytesBody?) {
        exchange.tag = disposition.rawValue
        let response = exchange.begin(status: status)
        response.add(texts.error)
        response.add(texts.cacheStatus(disposition))
        send(exchange, response, body)
    }

    private func send(_ exchange: Exchange, _ response: ResponseBuilder, _ body: BytesBody?) {
        response.addDate(loop.wallSeconds)
        response.addContentLength(body?.count ?? 0)
        exchange.send(response, body: body, range: 0..<(body?.count ?? 0))
    }
}
