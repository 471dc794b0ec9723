// SPDX-License-Identifier: Apache-2.0

import Backends
import HTTPTypes
import Hummingbird
import NIOCore

/// How an object is answered to a GET or HEAD: whole, in part, not at all because the client has it, or not because
/// the range lies outside.
struct ObjectResponse {
    /// How much of a file is in memory at a time, for each request.
    static let chunkBytes = 256 << 10

    var status: HTTPResponse.Status
    var headers: HTTPFields
    /// The bytes to send; empty for 304, 416.
    var range: Range<Int64>

    /// Weighs the request's conditions (RFC 9110 section 13.2.2) and its range against the object.
    init(_ info: ObjectInfo, request: HTTPFields) {
        let etag = "\"\(info.etag)\""
        let modified = CalendarTime(seconds: info.modifiedMilliseconds / 1000)
        headers = [.eTag: etag, .lastModified: modified.httpDate, .acceptRanges: "bytes"]
        if !info.cacheControl.isEmpty { headers[.cacheControl] = info.cacheControl }
        range = 0..<0
        if let match = request[.ifMatch], !Self.list(match, contains: etag, weakly: false) {
            status = .preconditionFailed
            return
        }
        if Self.isFresh(request, etag, modified) {
            status = .notModified
            return
        }
        if !info.contentType.isEmpty { headers[.contentType] = info.contentType }
        let rangeHeader = Self.rangeApplies(request, etag, modified) ? request[.range] : nil
        switch ByteRange(header: rangeHeader, size: info.size) {
        case .whole:
            status = .ok
            range = 0..<info.size
        case .part(let first, let last):
            status = .partialContent
            range = first..<(last + 1)
            headers[.contentRange] = "bytes \(first)-\(last)/\(info.size)"
        case .unsatisfiable:
            status = .rangeNotSatisfiable
            headers[.contentType] = nil
            headers[.contentRange] = "bytes */\(info.size)"
        }
    }

    /// The response; its body is read from `reader` as the client takes it. `sent` is told the bytes that went out,
    /// once, when the body has ended well or badly.
    func response(
        reader: any ObjectReader, isHead: Bool, sent: @escaping @Sendable (Int64) -> Void = { _ in }
    ) -> Response {
        var headers = headers
        if status != .notModified { headers[.contentLength] = String(range.count) }
        guard !isHead, !range.isEmpty else {
            sent(0)
            return Response(status: status, headers: headers)
        }
        let range = range
        let body = ResponseBody(contentLength: range.count) { writer in
            var offset = range.lowerBound
            defer { sent(offset - range.lowerBound) }
            while offset < range.upperBound {
                let count = Int(min(Int64(Self.chunkBytes), range.upperBound - offset))
                let bytes = try await reader.read(offset: offset, count: count)
                // Ending early would look like a whole body to nobody: the connection is closed short of its length.
                guard bytes.count == count else { throw ObjectStoreError.unavailable("an object ended early") }
                try await writer.write(ByteBuffer(bytes: bytes))
                offset += Int64(count)
            }
            try await writer.finish(nil)
        }
        return Response(status: status, headers: headers, body: body)
    }

    private static func isFresh(_ request: HTTPFields, _ etag: String, _ modified: CalendarTime) -> Bool {
        if let noneMatch = request[.ifNoneMatch] { return list(noneMatch, contains: etag, weakly: true) }
        guard let since = request[.ifModifiedSince].flatMap(CalendarTime.init(httpDate:)) else { return false }
        return modified.seconds <= since.seconds
    }

    private static func rangeApplies(_ request: HTTPFields, _ etag: String, _ modified: CalendarTime) -> Bool {
        guard let condition = request[.ifRange] else { return true }
        if condition.hasPrefix("\"") { return condition == etag }
        return CalendarTime(httpDate: condition) == modified
    }

    /// True when an entity-tag list names `etag`, or is `*`. A weak tag matches only `weakly`.
    private static func list(_ header: String, contains etag: String, weakly: Bool) -> Bool {
        header.split(separator: ",").contains { entry in
            var tag = entry.drop { $0 == " " }
            while tag.last == " " { tag.removeLast() }
            if weakly, tag.hasPrefix("W/") { tag = tag.dropFirst(2) }
            return tag == "*" || tag == etag
        }
    }
}
