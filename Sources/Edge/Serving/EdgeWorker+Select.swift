// SPDX-License-Identifier: Apache-2.0
//
// Answers that depend on more than the object: preconditions, ranges and the coding that the client can read. All on
// the worker's thread; a plain single range of an object allocates nothing.

import Base
import Cache
import Net
import Synchronization

extension EdgeWorker {
    /// Answers from an object of status 200 with what the request's fields select. False when that is all of it as it is.
    func respondSelected(
        _ exchange: Exchange, _ object: CachedObject, _ head: ObjectHead, _ conditions: Conditions,
        _ disposition: Disposition
    ) -> Bool {
        let gzip = gzipVariant(of: object, head, conditions)
        switch conditions.preconditions.isEmpty ? .proceed : verdict(conditions.preconditions, head, gzip) {
        case .notModified(let fields):
            let response = exchange.begin(status: 304)
            addCommonFields(response, exchange, head, fields, disposition)
            exchange.send(response, body: object.body, range: 0..<0)
            return true
        case .failed:
            respondError(exchange, status: 412, disposition, texts.preconditionFailed)
            return true
        case .proceed: break
        }
        // Range is defined for GET alone (RFC 9110 section 14.2). Its bytes are those of the object as it is.
        if !conditions.range.isEmpty, exchange.method == .get, let length = object.length,
            let ranges = ByteRangeSet(conditions.range, rangesMax: settings.rangesMax),
            head.withValidators(etag: head.etag, { Preconditions.allowsRange(conditions.ifRange, $0) })
        {
            return respondRanges(exchange, object, head, ranges, length, disposition)
        }
        guard let gzip, let body = gzip.body else { return false }
        let response = exchange.begin(status: 200)
        addCommonFields(response, exchange, head, gzip.fields, disposition)
        response.addContentLength(body.count)
        exchange.send(response, body: body, range: 0..<body.count)
        return true
    }

    private enum Verdict {
        case proceed
        case notModified(FieldBlock)
        case failed
    }

    /// The request may know either representation by its tag. Each is compared; the one that is known is not sent again.
    private func verdict(_ preconditions: Preconditions, _ head: ObjectHead, _ gzip: GzipVariant?) -> Verdict {
        let plain = head.withValidators(etag: head.etag) { preconditions.verdict($0) }
        if plain == .notModified { return .notModified(head.notModifiedFields) }
        guard let gzip else { return plain == .failed ? .failed : .proceed }
        switch head.withValidators(etag: gzip.etag, { preconditions.verdict($0) }) {
        case .notModified: return .notModified(gzip.notModifiedFields)
        case .failed: return .failed
        case .proceed: return .proceed
        }
    }

    // MARK: Ranges

    private func respondRanges(
        _ exchange: Exchange, _ object: CachedObject, _ head: ObjectHead, _ ranges: ByteRangeSet, _ length: Int,
        _ disposition: Disposition
    ) -> Bool {
        switch ranges {
        case .single(let range):
            guard case .satisfiable(let bytes) = range.resolve(length: length) else {
                respondUnsatisfiable(exchange, length)
                return true
            }
            respondRange(exchange, object, head, bytes, length, disposition)
        case .several(let several):
            // The parts of an encoded body would have to say so each, and a body that is passed through is read in order.
            guard !head.isEncoded, let body = object.stored else { return false }
            let parts = ByteRangeSet.resolve(several, length: length)
            switch parts.count {
            case 0: respondUnsatisfiable(exchange, length)
            // RFC 9110 section 15.3.7.2: one part is sent as such.
            case 1: respondRange(exchange, object, head, parts[0], length, disposition)
            default: respondParts(exchange, body, head, parts, length, disposition)
            }
        }
        return true
    }

    private func respondRange(
        _ exchange: Exchange, _ object: CachedObject, _ head: ObjectHead, _ range: Range<Int>, _ length: Int,
        _ disposition: Disposition
    ) {
        let response = exchange.begin(status: 206)
        addCommonFields(response, exchange, head, head.fields, disposition)
        response.addContentLength(range.count)
        response.addContentRange(range, length: length)
        exchange.send(response, body: object.body, range: range)
    }

    private func respondParts(
        _ exchange: Exchange, _ stored: StoredBody, _ head: ObjectHead, _ parts: [Range<Int>], _ length: Int,
        _ disposition: Disposition
    ) {
        let body = MultipartBody(stored, parts: parts, length: length, type: head.contentType)
        let response = exchange.begin(status: 206)
        addCommonFields(response, exchange, head, head.notModifiedFields, disposition)
        response.add("content-type", text: "multipart/byteranges; boundary=\(MultipartBody.boundary)")
        response.addContentLength(body.count)
        exchange.send(response, body: body, range: 0..<body.count)
    }

    private func respondUnsatisfiable(_ exchange: Exchange, _ length: Int) {
        let response = exchange.begin(status: 416)
        response.add(texts.error)
        response.add(crossOriginFields(exchange))
        response.addContentRange(nil, length: length)
        send(exchange, response, texts.rangeNotSatisfiable)
    }

    // MARK: Coding

    /// The object in gzip's coding where the request prefers it; made by the first request for a complete object.
    private func gzipVariant(
        of object: CachedObject, _ head: ObjectHead, _ conditions: Conditions
    ) -> GzipVariant? {
        guard head.isCompressible, let body = object.stored, body.isWhole, let length = body.length,
            settings.compression.covers(length: length, isPlaylist: head.isPlaylist),
            AcceptEncoding.prefersGzip(conditions.acceptEncoding)
        else { return nil }
        return object.gzip ?? compress(object, head, body, length)
    }

    private func compress(
        _ object: CachedObject, _ head: ObjectHead, _ body: StoredBody, _ length: Int
    ) -> GzipVariant {
        let bytes = Gzip.compress(body, length: length)
        let (variant, isNew) = object.keep(GzipVariant(head, body: bytes.map { BytesBody($0) }))
        if isNew {
            counters.compressions.add()
            tier.recharge(object)
        }
        return variant
    }
}
