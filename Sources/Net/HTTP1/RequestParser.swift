// SPDX-License-Identifier: Apache-2.0

/// Reads one complete HTTP/1.1 request head (RFC 9112 sections 3 and 5). Pure: bytes in, result out.
enum RequestParser {
    enum Result {
        case request(RequestHead, keepsAlive: Bool)
        /// The request is refused with this status and the connection closed.
        case refused(status: Int)
    }

    /// `bytes` is the whole head with its final empty line; the result's views point into it.
    static func parse(_ bytes: UnsafeRawBufferPointer, _ limits: ServerLimits = ServerLimits()) -> Result {
        var lines = HeadLines(bytes)
        var head = RequestHead()
        guard let line = lines.nextLine(), let version = readRequestLine(line, into: &head) else {
            return .refused(status: 400)
        }
        guard head.target.count <= limits.targetBytesMax else { return .refused(status: 414) }
        var fields = FieldState()
        var fieldCount = 0
        loop: while true {
            switch lines.nextField() {
            case .field(let name, let value):
                fieldCount += 1
                guard fieldCount <= limits.headerFieldsMax else { return .refused(status: 431) }
                guard fields.take(name: name, value: value, head: &head) else { return .refused(status: 400) }
            case .end: break loop
            case .malformed: return .refused(status: 400)
            }
        }
        // RFC 9112 section 3.2: exactly one Host in HTTP/1.1.
        guard fields.hosts == 1 || (version == .http10 && fields.hosts == 0) else { return .refused(status: 400) }
        if fields.isChunked, fields.contentLength != nil || version == .http10 { return .refused(status: 400) }
        head.isHTTP10 = version == .http10
        head.hasContent = fields.isChunked || (fields.contentLength ?? 0) > 0
        let keepsAlive = version == .http11 && !fields.closes && !head.hasContent
        return .request(head, keepsAlive: keepsAlive)
    }

    private enum Version { case http10, http11 }

    private static func readRequestLine(_ line: UnsafeRawBufferPointer, into head: inout RequestHead) -> Version? {
        guard let first = line.position(of: 0x20), first > 0,
            let second = line.position(of: 0x20, from: first + 1), second > first + 1
        else { return nil }
        let method = line.slice(0..<first)
        guard method.allSatisfy(isTokenCharacter) else { return nil }
        head.method = Method(method)
        guard let target = originForm(line.slice(first + 1..<second)) else { return nil }
        head.target = target
        let version = line.slice(second + 1..<line.count)
        if version.equals("HTTP/1.1") { return .http11 }
        return version.equals("HTTP/1.0") ? .http10 : nil
    }

    /// The path and query of an origin-form or absolute-form target (RFC 9112 section 3.2); `*` for OPTIONS.
    private static func originForm(_ target: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard target.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        if target[0] == UInt8(ascii: "/") || target.equals("*") { return target }
        let schemeLength: Int
        if target.hasPrefix("http://") {
            schemeLength = 7
        } else if target.hasPrefix("https://") {
            schemeLength = 8
        } else {
            return nil
        }
        guard let slash = target.position(of: UInt8(ascii: "/"), from: schemeLength), slash > schemeLength else {
            return nil
        }
        return target.slice(slash..<target.count)
    }
}

/// What the fields of a request say about its framing and its connection.
private struct FieldState {
    var hosts = 0
    var contentLength: Int?
    var isChunked = false
    var closes = false

    /// False when the field makes the request malformed.
    mutating func take(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, head: inout RequestHead) -> Bool {
        switch RequestHead.Field(anyCaseName: name) {
        case .authority:
            hosts += 1
            head.authority = value
        case .range: head.range = value
        case .ifRange: head.ifRange = value
        // A second line would need a copy to be joined; the first alone is a valid, weaker condition.
        case .ifNoneMatch: if head.ifNoneMatch.isEmpty { head.ifNoneMatch = value }
        case .cookie: if head.cookie.isEmpty { head.cookie = value }
        case .origin: head.origin = value
        case .other: return takeFraming(name: name, value: value)
        }
        return true
    }

    private mutating func takeFraming(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) -> Bool {
        if name.equalsIgnoringCase("content-length") {
            guard let length = value.decimal, contentLength == nil || contentLength == length else { return false }
            contentLength = length
        } else if name.equalsIgnoringCase("transfer-encoding") {
            guard !isChunked, value.equalsIgnoringCase("chunked") else { return false }
            isChunked = true
        } else if name.equalsIgnoringCase("connection") {
            if value.equalsIgnoringCase("close") { closes = true }
        }
        return true
    }
}

extension RequestHead.Field {
    /// The field of a name in any case.
    init(anyCaseName name: UnsafeRawBufferPointer) {
        switch name.count {
        case 4 where name.equalsIgnoringCase("host"): self = .authority
        case 5 where name.equalsIgnoringCase("range"): self = .range
        case 6 where name.equalsIgnoringCase("cookie"): self = .cookie
        case 6 where name.equalsIgnoringCase("origin"): self = .origin
        case 8 where name.equalsIgnoringCase("if-range"): self = .ifRange
        case 13 where name.equalsIgnoringCase("if-none-match"): self = .ifNoneMatch
        default: self = .other
        }
    }
}
