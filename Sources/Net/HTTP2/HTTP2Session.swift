// SPDX-License-Identifier: Apache-2.0
//
// The server side of one HTTP/2 connection over nghttp2 (RFC 9113). nghttp2 keeps the protocol's state; this
// class owns its session handle, turns its callbacks (HTTP2Callbacks.swift) into exchanges, and feeds bodies
// to it frame by frame.
//
// Re-entrancy: nghttp2 calls back while it is being called. Callbacks may submit and resume, never receive,
// send or free; so the handler can answer inside `handle`, and only the connection, outside of any callback,
// ends the session.

import Base
import CNGHTTP2
import Glibc

/// An HTTP/2 server session.
final class HTTP2Session {
    /// A frame header and this payload fill one TLS record exactly.
    static let dataBytesMax = Server.recordBytes - 9

    unowned(unsafe) let connection: ServerConnection
    let session: OpaquePointer
    /// Open exchanges, by `Exchange.liveIndex`.
    private var live: [Exchange] = []
    /// The head being received; one at a time on a connection (RFC 9113 section 4.3).
    var head = RequestHead()
    /// Memory for the head's values, held from the first field to the end of the frame.
    var headMemory: UnsafeMutableRawPointer?
    var headUsed = 0
    var headCounted = 0
    private var hasFailed = false

    /// Nil when nghttp2 is out of memory.
    init?(connection: ServerConnection) {
        self.connection = connection
        var session: OpaquePointer?
        guard let callbacks = sharedCallbacks, nghttp2_session_server_new(&session, callbacks, nil) == 0,
            let session
        else { return nil }
        self.session = session
        nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
        var settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                value: UInt32(connection.server.limits.streamsMax)),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(connection.server.limits.headerBytesMax)),
            nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL.rawValue), value: 0),
        ]
        guard nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), &settings, settings.count) == 0
        else {
            nghttp2_session_del(session)
            return nil
        }
    }

    deinit {
        nghttp2_session_del(session)
    }

    var isIdle: Bool { live.isEmpty }

    /// Feeds bytes from the client. False when the connection is to be closed.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let consumed = nghttp2_session_mem_recv(
            session, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
        return consumed == bytes.count
    }

    /// Lets nghttp2 emit frames until the output is full or nothing is left. False when the session is over.
    func produce() -> Bool {
        guard nghttp2_session_send(session) == 0, !hasFailed else { return false }
        return nghttp2_session_want_read(session) != 0 || nghttp2_session_want_write(session) != 0
    }

    /// Announces that no new stream will be taken; open ones finish (RFC 9113 section 6.8).
    func submitGoAway() {
        let last = nghttp2_session_get_last_proc_stream_id(session)
        _ = nghttp2_submit_goaway(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, NGHTTP2_NO_ERROR.rawValue, nil, 0)
    }

    /// Resets the streams whose client has taken no byte for too long: closed windows, lost phones, requests whose
    /// content never ends. Returns how many.
    func expireUnread(now: Int64, after milliseconds: Int64) -> Int {
        var count = 0
        for exchange in live
        where exchange.phase == .sending && !exchange.isStalled && now - exchange.progressMilliseconds > milliseconds {
            exchange.progressMilliseconds = now
            _ = nghttp2_submit_rst_stream(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), exchange.streamID, NGHTTP2_CANCEL.rawValue)
            count += 1
        }
        return count
    }

    /// The connection is closing: every open exchange is cut off.
    func end() {
        releaseHead()
        let open = live
        live = []
        for exchange in open { connection.server.finish(exchange, completed: false) }
    }

    // MARK: Exchanges

    /// A complete request head has come: make an exchange of it.
    func beginExchange(streamID: Int32) {
        let server = connection.server
        server.counters.requests.add()
        let exchange = server.takeExchange(for: connection)
        exchange.streamID = streamID
        exchange.method = head.method
        exchange.liveIndex = live.count
        live.append(exchange)
        _ = nghttp2_session_set_stream_user_data(session, streamID, Unmanaged.passUnretained(exchange).toOpaque())
        if headCounted > server.limits.headerBytesMax {
            server.counters.requestsMalformed.add()
            refuse(exchange, status: 431)
        } else if head.target.isEmpty || head.target[0] != UInt8(ascii: "/") {
            server.counters.requestsMalformed.add()
            refuse(exchange, status: 400)
        } else {
            server.handler.handle(exchange, head)
        }
    }

    /// nghttp2 has closed the stream: the exchange is over.
    func endExchange(_ exchange: Exchange, completed: Bool) {
        let index = exchange.liveIndex
        live.swapAt(index, live.count - 1)
        live[index].liveIndex = index
        live.removeLast()
        connection.server.finish(exchange, completed: completed)
    }

    private func refuse(_ exchange: Exchange, status: Int) {
        let response = exchange.begin(status: status)
        response.add("content-length", "0")
        exchange.send(response, body: nil, range: 0..<0)
    }

    func submit(_ exchange: Exchange, _ builder: ResponseBuilder) {
        let result: Int32
        if exchange.body != nil {
            var provider = nghttp2_data_provider()
            provider.source.ptr = Unmanaged.passUnretained(exchange).toOpaque()
            provider.read_callback = readBody
            result = nghttp2_submit_response(session, exchange.streamID, builder.records, builder.count, &provider)
        } else {
            result = nghttp2_submit_response(session, exchange.streamID, builder.records, builder.count, nil)
        }
        // Out of memory is the only failure of a well-formed response.
        if result != 0 { hasFailed = true }
    }

    func resume(_ exchange: Exchange) {
        _ = nghttp2_session_resume_data(session, exchange.streamID)
    }

    // MARK: Request heads

    func beginHead() {
        releaseHead()
        head = RequestHead()
    }

    func releaseHead() {
        if let headMemory { connection.server.headerPool.give(headMemory) }
        headMemory = nil
        headUsed = 0
        headCounted = 0
    }

    /// Takes one field of the head. What is over the limit is counted and dropped; the request gets 431.
    func takeField(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        headCounted += name.count + value.count + 32
        guard headCounted <= connection.server.limits.headerBytesMax, name.count > 0 else { return }
        if name[0] == UInt8(ascii: ":") {
            if name.equals(":path") {
                head.target = keep(value)
            } else if name.equals(":method") {
                head.method = Method(value)
            } else if name.equals(":authority") {
                head.authority = keep(value)
            }
            return
        }
        switch RequestHead.Field(lowercaseName: name) {
        case .authority: if head.authority.isEmpty { head.authority = keep(value) }
        case .range: head.range = keep(value)
        case .ifRange: head.ifRange = keep(value)
        case .ifNoneMatch: head.ifNoneMatch = join(head.ifNoneMatch, ", ", value)
        case .cookie: head.cookie = join(head.cookie, "; ", value)
        case .origin: head.origin = keep(value)
        case .other: break
        }
    }

    /// Copies a value into the head's memory. It fits: kept values are never longer than what was counted.
    private func keep(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let memory = headMemory ?? connection.server.headerPool.take()
        headMemory = memory
        guard let base = value.baseAddress, headUsed + value.count <= connection.server.limits.headerBytesMax else {
            return UnsafeRawBufferPointer(start: memory, count: 0)
        }
        (memory + headUsed).copyMemory(from: base, byteCount: value.count)
        defer { headUsed += value.count }
        return UnsafeRawBufferPointer(start: memory + headUsed, count: value.count)
    }

    /// A field that came in several lines is one list (RFC 9110 section 5.3; cookies: RFC 9113 section 8.2.3).
    private func join(
        _ first: UnsafeRawBufferPointer, _ separator: StaticString, _ second: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer {
        guard !first.isEmpty else { return keep(second) }
        let total = first.count + separator.utf8CodeUnitCount + second.count
        // Lines of one field mostly follow each other: then the list grows in place.
        let isLast = headMemory.map { UnsafeRawPointer($0) + headUsed == first.baseAddress.map { $0 + first.count } }
        let start = isLast == true ? first : keep(first)
        let middle = keep(UnsafeRawBufferPointer(start: separator.utf8Start, count: separator.utf8CodeUnitCount))
        let end = keep(second)
        guard start.count + middle.count + end.count == total else {
            headCounted = .max / 2
            return first
        }
        return UnsafeRawBufferPointer(start: start.baseAddress, count: total)
    }
}
