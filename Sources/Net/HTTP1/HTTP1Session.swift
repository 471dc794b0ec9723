// SPDX-License-Identifier: Apache-2.0
//
// The server side of one HTTP/1.1 connection (RFC 9112): one exchange at a time, in order. Bytes that come
// while an exchange is in work (pipelining) wait in `carry`, up to a limit. A request with content is
// answered and the connection closed, so that its content can not be read as a request.

import Base

/// An HTTP/1.1 server session.
final class HTTP1Session {
    private static let pipelinedBytesMax = 65_536

    unowned(unsafe) let connection: ServerConnection
    /// False once the connection is to close after the present response.
    var keepsAlive = true
    /// When the first byte of a head that is not complete came; nil while none is.
    private(set) var headStartedMilliseconds: Int64?
    private var requestsTaken = 0
    private var exchange: Exchange?
    private var carry: [UInt8] = []
    private var isHTTP10 = false
    private var isChunked = false
    private var isBodyDone = false
    private var isBroken = false

    init(connection: ServerConnection) {
        self.connection = connection
    }

    var isIdle: Bool { exchange == nil }

    /// Takes bytes from the client. False when the connection is to be closed (after what was answered).
    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if exchange != nil || !carry.isEmpty {
            guard carry.count + bytes.count <= Self.pipelinedBytesMax else { return false }
            carry.append(contentsOf: bytes)
            return exchange != nil || readCarry()
        }
        let used = readRequests(bytes)
        guard used >= 0 else { return false }
        if used < bytes.count { carry.append(contentsOf: bytes[used...]) }
        return true
    }

    private func readCarry() -> Bool {
        // The views of a parsed head point into the memory passed to `readRequests`, so it must not change meanwhile.
        let bytes = carry
        carry = []
        let used = bytes.withUnsafeBytes { readRequests($0) }
        guard used >= 0 else { return false }
        carry.insert(contentsOf: bytes[used...], at: 0)
        return true
    }

    /// Starts the next request of `bytes` when its head is complete. Returns the bytes used, -1 to close.
    private func readRequests(_ bytes: UnsafeRawBufferPointer) -> Int {
        var position = 0
        while exchange == nil, keepsAlive, position < bytes.count, connection.phase == .open {
            let rest = bytes.slice(position..<bytes.count)
            let headerBytesMax = connection.server.limits.headerBytesMax
            guard let length = HeadLines.length(in: rest.slice(0..<min(rest.count, headerBytesMax))) else {
                if rest.count >= headerBytesMax {
                    refuse(status: rest.position(of: 0x0D) == nil ? 414 : 431)
                    return -1
                }
                headStartedMilliseconds = headStartedMilliseconds ?? connection.server.loop.now
                return position
            }
            headStartedMilliseconds = nil
            connection.writer.pointee.output.hold(from: connection.server.outputPool)
            // An earlier response still fills the output: this request waits for room.
            guard connection.writer.canEmit else { return position }
            position += length
            switch RequestParser.parse(rest.slice(0..<length), connection.server.limits) {
            case .refused(let status):
                refuse(status: status)
                return -1
            case .request(let head, let keepsAlive):
                begin(head, keepsAlive: keepsAlive)
            }
        }
        return keepsAlive ? position : bytes.count
    }

    private func begin(_ head: RequestHead, keepsAlive keep: Bool) {
        let server = connection.server
        server.counters.requests.add()
        requestsTaken += 1
        let isLast = requestsTaken >= server.limits.requestsPerConnectionMax
        if isLast { server.counters.connectionsRetired.add() }
        keepsAlive = keep && !isLast && !server.isDraining
        isHTTP10 = head.isHTTP10
        let exchange = server.takeExchange(for: connection)
        exchange.method = head.method
        self.exchange = exchange
        server.handler.handle(exchange, head)
    }

    /// Answers what is not a request; the connection closes afterwards.
    private func refuse(status: Int) {
        connection.server.counters.requestsMalformed.add()
        connection.writer.pointee.output.hold(from: connection.server.outputPool)
        guard connection.writer.canEmit else { return }
        let text = "HTTP/1.1 \(status) \(reasonPhrase(status))\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        emit(text)
        _ = connection.writer.seal()
    }

    // MARK: The response

    func start(_ exchange: Exchange, _ builder: ResponseBuilder) {
        // Nothing of an earlier response is waiting: a request is begun only when the output has room. The
        // buffer may have been given back while the handler took its time.
        connection.writer.pointee.output.hold(from: connection.server.outputPool)
        // HTTP/1.0 knows no chunks: the end of the connection is the end of the body (RFC 9112 section 6.1).
        isChunked = exchange.hasBody && exchange.end == .max && !isHTTP10
        isBodyDone = !exchange.hasBody
        emit("HTTP/1.1 \(builder.status) \(reasonPhrase(builder.status))\r\n")
        emit(builder.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), builder.bytes.count)
        if isChunked { emit("transfer-encoding: chunked\r\n") }
        if !keepsAlive { emit("connection: close\r\n") }
        emit("\r\n")
        // Head and first bytes of the body leave in one record; the staging buffer is not ours after this call.
        let isBodyAlive = emitBody(of: exchange)
        let isSealed = connection.writer.seal()
        isBroken = !isBodyAlive || !isSealed
    }

    /// Emits body bytes while there is room. False when the connection is to close.
    func produce() -> Bool {
        while let exchange, exchange.phase == .sending {
            guard !isBroken, emitBody(of: exchange) else { return false }
            guard isBodyDone else { return true }
            self.exchange = nil
            connection.server.finish(exchange, completed: true)
            guard keepsAlive else { return false }
            guard connection.writer.canEmit else { return true }
            guard carry.isEmpty || readCarry() else { return false }
        }
        if exchange == nil, !carry.isEmpty, headStartedMilliseconds == nil, connection.writer.canEmit {
            return readCarry()
        }
        return true
    }

    /// Emits what the body has and the output takes. False when the body has failed: closing early is the only
    /// way to say that it is not whole (RFC 9112 section 8).
    private func emitBody(of exchange: Exchange) -> Bool {
        while !isBodyDone, connection.writer.canEmit {
            guard exchange.position < exchange.end else {
                isBodyDone = true
                return true
            }
            switch exchange.window(at: exchange.position) {
            case .bytes(let bytes): emitPiece(exchange, bytes)
            case .pending:
                if !exchange.isStalled {
                    exchange.isStalled = true
                    connection.server.handler.stalled(exchange)
                }
                return true
            case .end where isChunked:
                emit("0\r\n\r\n")
                isBodyDone = true
            case .end where exchange.end == .max: isBodyDone = true
            case .end, .failed: return false
            }
        }
        return true
    }

    private func emitPiece(_ exchange: Exchange, _ bytes: UnsafeRawBufferPointer) {
        let count = min(bytes.count, exchange.end - exchange.position, Server.recordBytes)
        if isChunked { emit(String(count, radix: 16) + "\r\n") }
        emit(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), count)
        if isChunked { emit("\r\n") }
        exchange.position += count
        exchange.bytesSent += count
    }

    /// The connection is closing: the exchange is cut off.
    func end() {
        guard let exchange else { return }
        self.exchange = nil
        connection.server.finish(exchange, completed: false)
    }

    // TLS failures surface when the output is sealed or flushed; a half-emitted response then dies with the connection.
    private func emit(_ text: StaticString) {
        _ = connection.writer.emit(text.utf8Start, count: text.utf8CodeUnitCount)
    }

    private func emit(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            if let base = bytes.baseAddress { _ = connection.writer.emit(base, count: bytes.count) }
        }
    }

    private func emit(_ bytes: UnsafePointer<UInt8>?, _ count: Int) {
        guard let bytes, count > 0 else { return }
        _ = connection.writer.emit(bytes, count: count)
    }
}

/// The reason phrases of the statuses that we send (RFC 9110 section 15).
func reasonPhrase(_ status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 204: "No Content"
    case 206: "Partial Content"
    case 304: "Not Modified"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 414: "URI Too Long"
    case 416: "Range Not Satisfiable"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    default: "Status"
    }
}
