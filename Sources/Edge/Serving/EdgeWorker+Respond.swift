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
        if !conditions.isUnconditional || head.isCompressible, head.status == 200,
            respondSelected(exchange, object, head, conditions, disposition)
        {
            return
        }
        let response = exchange.begin(status: head.status)
        let fields = head.firstFields.flatMap { isFirst(exchange, object) ? $0 : nil } ?? head.fields
        addCommonFields(response, exchange, head, fields, disposition)
        let length = object.length
        if let length, head.status != 204, head.status != 304 { response.addContentLength(length) }
        exchange.send(response, body: object.body, range: 0..<(length ?? .max))
    }

    /// The request is the one that fetched the object.
    private func isFirst(_ exchange: Exchange, _ object: CachedObject) -> Bool {
        guard let reader = exchange.parked as? Reader else { return false }
        return reader.isElector && reader.object === object
    }

    /// Adds the fields of a response from an object: `fields` are those stored, or what of them the status allows.
    @inline(__always)
    func addCommonFields(
        _ response: ResponseBuilder, _ exchange: Exchange, _ head: ObjectHead, _ fields: FieldBlock,
        _ disposition: Disposition
    ) {
        response.add(fields)
        response.add(crossOriginFields(exchange))
        let isFromStore = disposition.isFromStore
        if isFromStore || head.initialAgeMilliseconds >= 1000 {
            let age = (head.initialAgeMilliseconds + loop.now - head.storedMilliseconds) / 1000
            response.addAge(max(0, Int(age)))
        }
        if isFromStore {
            response.add(texts.cacheStatus(disposition))
        } else if head.upstreamCacheStatus.isEmpty {
            response.add(texts.cacheStatus(disposition))
        } else {
            // Each cache on the way appends its member (RFC 9211 section 2).
            let value = head.upstreamCacheStatus + Array(", \(settings.name); \(disposition.parameters)".utf8)
            value.withUnsafeBytes { response.add("cache-status", bytes: $0) }
        }
    }

    /// What the site of a request lets other sites do.
    @inline(__always)
    func crossOriginFields(_ exchange: Exchange) -> FieldBlock {
        guard let owner = exchange.owner else { return top.crossOrigin.fields(exchange.originTag) }
        // Nothing but sites own exchanges here.
        return unsafeDowncast(owner, to: Site.self).crossOrigin.fields(exchange.originTag)
    }

    // MARK: Answers of our own

    /// The host is none of the sites' (RFC 9110 section 15.5.20).
    func respondMisdirected(_ exchange: Exchange, _ request: borrowing RequestHead) {
        counters.hostsRefused.add()
        if accessLog != nil { note(TokenCarrier(target: request.target, cookie: request.cookie).path, for: exchange) }
        respondError(exchange, status: 421, .rejected, texts.misdirected)
    }

    func respondOptions(_ exchange: Exchange, _ request: borrowing RequestHead, _ crossOrigin: CrossOrigin) {
        exchange.tag = Disposition.preflight.rawValue
        let response = exchange.begin(status: 204)
        response.addDate(loop.wallSeconds)
        response.add(texts.options)
        response.add(crossOrigin.fields(exchange.originTag))
        if !request.requestedMethod.isEmpty {
            crossOrigin.addPreflight(
                to: response, tag: exchange.originTag, requestedHeaders: request.requestedHeaders)
        }
        exchange.send(response, body: nil, range: 0..<0)
    }

    /// RFC 8586 section 2, RFC 5842 section 7.2.
    func respondLoop(_ exchange: Exchange) {
        counters.loopsDetected.add()
        respondError(exchange, status: 508, .error, texts.loopDetected, .loopDetected)
    }

    /// The content of a request can not go upstream.
    func respondContentFailure(_ exchange: Exchange, _ failure: ContentFailure) {
        let body =
            switch failure {
            case .tooLarge: texts.contentTooLarge
            case .noMemory: texts.overloaded
            case .malformed: texts.contentMalformed
            }
        respondError(exchange, status: failure.status, .rejected, body)
    }

    func respondMethodNotAllowed(_ exchange: Exchange) {
        exchange.tag = Disposition.rejected.rawValue
        let response = exchange.begin(status: 405)
        response.add("allow", "GET, HEAD, OPTIONS")
        response.add(texts.error)
        response.add(crossOriginFields(exchange))
        send(exchange, response, texts.methodNotAllowed)
    }

    func respondForbidden(_ exchange: Exchange, _ rejection: TokenRejection) {
        counters.tokensRejected.add()
        respondError(exchange, status: 403, .rejected, texts.forbidden[rejection])
    }

    func respondError(
        _ exchange: Exchange, status: Int, _ disposition: Disposition, _ body: BytesBody?, _ error: ProxyError = .none
    ) {
        exchange.tag = disposition.rawValue
        let response = exchange.begin(status: status)
        response.add(texts.error)
        response.add(crossOriginFields(exchange))
        response.add(texts.cacheStatus(disposition))
        response.add(texts.proxyStatus(error))
        if status == 503 { response.add(texts.retryAfter) }
        send(exchange, response, body)
    }

    func send(_ exchange: Exchange, _ response: ResponseBuilder, _ body: BytesBody?) {
        response.addDate(loop.wallSeconds)
        response.addContentLength(body?.count ?? 0)
        exchange.send(response, body: body, range: 0..<(body?.count ?? 0))
    }
}
