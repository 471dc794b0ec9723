// SPDX-License-Identifier: Apache-2.0

/// Reads one complete HTTP/1.1 request head (RFC 9112 sections 3, 5, 6 and 9). Pure: bytes in, result out. What two
/// readers could take differently is refused, never repaired: that is what requests are smuggled with (section 11.2).
enum RequestParser {
    enum Result {
        case request(RequestHead, Framing)
        /// The request is refused with this status and the connection closed.
        case refused(status: Int)
    }

    /// How the connection goes on after the head.
    struct Framing: Equatable {
        enum Content: Equatable {
            case none
            case length(Int)
            case chunked
        }

        var content = Content.none
        /// The connection may serve another request after this one.
        var keepsAlive = true
        /// And whether it may if the client gets leave to send its content.
        var keepsAliveOnceRead = true
        /// The client waits for leave before it sends the content (RFC 9110 section 10.1.1).
        var expectsContinue = false
    }

    /// `bytes` is the whole head with its final empty line; the result's views point into it or into `memory`.
    static func parse(
        _ bytes: UnsafeRawBufferPointer, memory: inout HeadMemory, limits: ServerLimits = ServerLimits()
    ) -> Result {
        var lines = HeadLines(bytes)
        var head = RequestHead()
        guard let line = lines.nextLine() else { return .refused(status: 400) }
        switch readRequestLine(line, into: &head, memory: &memory) {
        case .ok: break
        case .malformed: return .refused(status: 400)
        case .unknownVersion: return .refused(status: 505)
        }
        guard head.target.count <= limits.targetBytesMax else { return .refused(status: 414) }
        head.fields.storage = .lines(bytes.slice(lines.position..<bytes.count))
        var fields = FramingFields()
        var count = 0
        loop: while true {
            switch lines.nextField() {
            case .field(let name, let value):
                count += 1
                guard count <= limits.headerFieldsMax else { return .refused(status: 431) }
                let field = RequestHead.Field(anyCaseName: name)
                if field == .host { fields.hosts += 1 }
                let isTaken =
                    field == .other
                    ? fields.take(name: name, value: value)
                    : head.take(field, value, memory: &memory)
                guard isTaken else { return .refused(status: 400) }
            case .end: break loop
            case .malformed: return .refused(status: 400)
            }
        }
        return finish(&head, fields)
    }

    private static func finish(_ head: inout RequestHead, _ fields: FramingFields) -> Result {
        // RFC 9112 section 3.2: exactly one Host in HTTP/1.1.
        guard fields.hosts == 1 || (head.isHTTP10 && fields.hosts == 0) else { return .refused(status: 400) }
        var framing = Framing()
        switch fields.content(isHTTP10: head.isHTTP10) {
        case .known(let content): framing.content = content
        case .refused(let status): return .refused(status: status)
        }
        if let status = RequestRules.refusal(&head, isHTTP2: false) { return .refused(status: status) }
        head.hasContent = framing.content != .none
        framing.expectsContinue = head.hasContent && !head.expect.isEmpty && !head.isHTTP10
        // RFC 9112 section 9.3. What follows the head of CONNECT is no content that could be skipped.
        framing.keepsAliveOnceRead =
            !fields.closes && (!head.isHTTP10 || fields.keepsAlive) && head.method != .connect
        framing.keepsAlive = framing.keepsAliveOnceRead && !framing.expectsContinue
        return .request(head, framing)
    }

    private enum LineResult { case ok, malformed, unknownVersion }

    private static func readRequestLine(
        _ line: UnsafeRawBufferPointer, into head: inout RequestHead, memory: inout HeadMemory
    ) -> LineResult {
        guard let first = line.position(of: 0x20), first > 0,
            let second = line.position(of: 0x20, from: first + 1), second > first + 1
        else { return .malformed }
        let method = line.slice(0..<first)
        guard method.allSatisfy(isTokenCharacter) else { return .malformed }
        head.method = Method(method)
        head.methodName = method
        // The version comes first: the forms of a target are those of HTTP/1.
        let version = line.slice(second + 1..<line.count)
        guard version.count == 8, version.hasPrefix("HTTP/"), isDigit(version[5]), version[6] == UInt8(ascii: "."),
            isDigit(version[7])
        else { return .malformed }
        guard version[5] == UInt8(ascii: "1") else { return .unknownVersion }
        // A later minor version is read as 1.1 (RFC 9110 section 2.5).
        head.isHTTP10 = version[7] == UInt8(ascii: "0")
        guard let target = RequestTarget(line.slice(first + 1..<second), method: head.method, memory: &memory) else {
            return .malformed
        }
        head.authority = target.authority
        head.target = target.path
        return .ok
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}

/// What the fields of a request say about its framing and its connection.
private struct FramingFields {
    enum Content {
        case known(RequestParser.Framing.Content)
        case refused(status: Int)
    }

    var hosts = 0
    var closes = false
    var keepsAlive = false
    private var contentLength: Int?
    private var transferEncoding: UnsafeRawBufferPointer?

    /// False when the field makes the request malformed.
    mutating func take(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) -> Bool {
        if name.equalsIgnoringCase("content-length") {
            // Even equal lengths twice are refused: somebody on the way has put one in.
            guard contentLength == nil, let length = value.decimal else { return false }
            contentLength = length
        } else if name.equalsIgnoringCase("transfer-encoding") {
            guard transferEncoding == nil else { return false }
            transferEncoding = value
        } else if name.equalsIgnoringCase("connection") {
            if value.listHolds("close") { closes = true }
            if value.listHolds("keep-alive") { keepsAlive = true }
        }
        return true
    }

    /// RFC 9112 section 6.1 and 6.3.
    func content(isHTTP10: Bool) -> Content {
        guard let transferEncoding else {
            return .known(contentLength.map { $0 > 0 ? .length($0) : .none } ?? .none)
        }
        guard contentLength == nil, !isHTTP10 else { return .refused(status: 400) }
        if transferEncoding.equalsIgnoringCase("chunked") { return .known(.chunked) }
        // Another coding below the chunked one is well-formed, but none that we know.
        let last = transferEncoding.slice(max(0, transferEncoding.count - 8)..<transferEncoding.count)
        let below = transferEncoding.slice(0..<max(0, transferEncoding.count - 8))
        let isLayered = below.count > 1 && last.equalsIgnoringCase(" chunked") && !below.listHolds("chunked")
        return .refused(status: isLayered ? 501 : 400)
    }
}
