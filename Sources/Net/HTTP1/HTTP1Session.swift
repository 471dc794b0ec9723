// SPDX-License-Identifier: Apache-2.0
//
// The server side of one HTTP/1.1 connection (RFC 9112): one exchange at a time, in order. This file sends the
// responses; +Input reads the requests. Bytes that come while an exchange is in work (pipelining) wait in `carry`, up
// to a limit; content of a request is skipped as it comes, while the request is already being answered, or kept for a
// handler that waits for it. The next request begins when both have ended.

import Base

/// An HTTP/1.1 server session.
final class HTTP1Session {
    unowned(unsafe) let connection: ServerConnection
    /// False once the connection is to close after the present response.
    var keepsAlive = true
    /// When the first byte of a head that is not complete came; nil while none is.
    var headStartedMilliseconds: Int64?
    /// When the head of a request came whose content is not complete; nil while none is.
    var contentStartedMilliseconds: Int64?
    var requestsTaken = 0
    /// The client may still be sending: the connection must not be closed under its bytes, or a reset would destroy
    /// the response on its way (RFC 9112 section 9.6).
    var leavesInput = false
    /// The empty line that may stand before a request has been read (RFC 9112 section 2.2).
    var hasSkippedLine = false
    var exchange: Exchange?
    var content: ContentSkipper?
    /// How the latest request was framed, for a handler that wants its content.
    var arriving = RequestParser.Framing()
    var carry: [UInt8] = []
    var isHTTP10 = false
    private var isChunked = false
    private var isBodyDone = false
    private var isBroken = false

    init(connection: ServerConnection) {
        self.connection = connection
    }

    /// True when closing now could destroy a response that the client has not read.
    var mayLoseInput: Bool { leavesInput || !carry.isEmpty }

    var isIdle: Bool { exchange == nil && content == nil }

    // MARK: The response

    func start(_ exchange: Exchange, _ builder: ResponseBuilder) {
        // Nothing of an earlier response is waiting: a request is begun only when the output has room. The
        // buffer may have been given back while the handler took its time.
        connection.writer.pointee.output.hold(from: connection.server.outputPool)
        // HTTP/1.0 knows no chunks: the end of the connection is the end of the body (RFC 9112 section 6.1).
        isChunked = exchange.hasBody && exchange.end == .max && !isHTTP10
        if isHTTP10, exchange.hasBody, exchange.end == .max { keepsAlive = false }
        isBodyDone = !exchange.hasBody
        emitHead(builder)
        if isChunked { emit("transfer-encoding: chunked\r\n") }
        if !keepsAlive { emit("connection: close\r\n") } else if isHTTP10 { emit("connection: keep-alive\r\n") }
        emit("\r\n")
        // Head and first bytes of the body leave in one record; the staging buffer is not ours after this call.
        let isBodyAlive = emitBody(of: exchange)
        let isSealed = connection.writer.seal()
        isBroken = isBroken || !isBodyAlive || !isSealed
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

    /// Answers what is not a request; the connection closes afterwards.
    func refuse(status: Int) {
        let server = connection.server
        server.counters.requestsMalformed.add()
        connection.writer.pointee.output.hold(from: server.outputPool)
        guard connection.writer.canEmit else { return }
        server.builder.begin(status: status, isHTTP2: false)
        server.builder.addDate(server.loop.wallSeconds)
        server.builder.addContentLength(0)
        emitHead(server.builder)
        emit("connection: close\r\n\r\n")
        _ = connection.writer.seal()
    }

    /// Lets the client send its content (RFC 9110 section 15.2.1).
    func sendContinue() {
        emit("HTTP/1.1 100 Continue\r\n\r\n")
        if !connection.writer.seal() { isBroken = true }
        connection.server.loop.schedule(connection)
    }

    /// Sends an interim response with these fields, which HTTP/1.0 does not know (RFC 9110 section 15.2).
    func sendInterim(_ builder: ResponseBuilder) {
        guard !isHTTP10 else { return }
        emitHead(builder)
        emit("\r\n")
        if !connection.writer.seal() { isBroken = true }
    }

    private func emitHead(_ builder: ResponseBuilder) {
        emit("HTTP/1.1 ")
        emit(connection.server.statusTexts.value(builder.status), 3)
        emit(" ")
        emit(reasonPhrase(builder.status))
        emit("\r\n")
        emit(builder.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), builder.bytes.count)
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
