// SPDX-License-Identifier: Apache-2.0
//
// The server side of one HTTP/2 connection over nghttp2 (RFC 9113). nghttp2 keeps the protocol's state, but for header
// blocks, which are decoded here; this class owns its session handle, turns its callbacks (HTTP2Callbacks.swift) into
// exchanges, and feeds bodies to it frame by frame.
//
// Re-entrancy: nghttp2 calls back while it is being called. Callbacks may submit and resume, never receive,
// send or free; so the handler can answer inside `handle`, and only the connection, outside of any callback,
// ends the session.

import Base
import CLinux
import CNGHTTP2
import Glibc

/// An HTTP/2 server session.
final class HTTP2Session {
    /// A frame header and this payload fill one TLS record exactly.
    static let dataBytesMax = Server.recordBytes - 9
    /// A head of so many times the allowed size closes the connection.
    static let headBytesFactor = 8
    private static let noFields = FieldBlock([])

    unowned(unsafe) let connection: ServerConnection
    /// The connection's; copied here so that emitting counts no reference.
    let writer: UnsafeMutablePointer<RecordWriter>
    let session: OpaquePointer
    private let serverReference: Unmanaged<Server>
    let headerBytesMax: Int
    let targetBytesMax: Int
    private let headerFieldsMax: Int
    /// The exchanges of the latest streams, so that most need not be looked up in nghttp2's table.
    private var latest = RecentExchanges()
    private var heads = HeadReader()
    private let decoder: HeaderDecoder
    /// Open exchanges, by `Exchange.liveIndex`.
    private(set) var live: [Exchange] = []
    /// Counts what the client makes us do.
    var frameGuard: FrameGuard
    /// What the connection is to be closed for at the end of the present input.
    var flood: FloodKind?
    var drain = Drain.none
    /// When the head that is not complete began to come; nil while none is.
    private(set) var headStartedMilliseconds: Int64?
    private var requestsTaken = 0
    /// The head being received; one at a time on a connection (RFC 9113 section 4.3).
    var head = RequestHead()
    /// The server's, for the head's values while its request is handled.
    let headScratch: UnsafeMutableRawPointer
    var headMemory: HeadMemory
    var headCounted = 0
    var headFields = 0
    var isTargetTooLong = false
    var rules = MessageRules()
    /// What the head says of its response's priority; nil when nothing.
    var priority: PriorityField?
    /// Bytes of a frame that did not go out with its first piece.
    private var frameRest = 0
    private var hasFailed = false

    /// Nil when nghttp2 is out of memory.
    init?(connection: ServerConnection) {
        self.connection = connection
        writer = connection.writer
        headerBytesMax = connection.server.limits.headerBytesMax
        headerFieldsMax = connection.server.limits.headerFieldsMax
        targetBytesMax = connection.server.limits.targetBytesMax
        serverReference = .passUnretained(connection.server)
        frameGuard = FrameGuard(
            limits: connection.server.limits.frames, nowMilliseconds: connection.server.loop.now)
        headScratch = connection.server.headScratch
        headMemory = HeadMemory(headScratch, capacity: 0)
        decoder = HeaderDecoder(scratch: connection.server.fieldScratch)
        var session: OpaquePointer?
        var memory = nghttp2_mem(
            mem_user_data: nil, malloc: { size, _ in spw_block_take(size) },
            free: { block, _ in spw_block_give(block) },
            calloc: { count, size, _ in spw_block_take_zeroed(count, size) },
            realloc: { block, size, _ in spw_block_resize(block, size) })
        let result = withHTTP2Options(connection.server.limits) { options in
            sharedCallbacks.map { nghttp2_session_server_new3(&session, $0, nil, options, &memory) }
        }
        guard result == 0, let session else { return nil }
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
            // RFC 9218 in place of the tree of RFC 7540. Without the tree nghttp2 also forgets closed streams at once.
            nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES.rawValue), value: 1),
        ]
        guard nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), &settings, settings.count) == 0
        else {
            nghttp2_session_del(session)
            return nil
        }
    }

    deinit {
        latest.free()
        nghttp2_session_del(session)
    }

    var isIdle: Bool { live.isEmpty }

    /// Feeds bytes from the client. False when the connection is to be closed.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let server = connection.server
        let kind = frameGuard.receive(bytes, nowMilliseconds: server.loop.now, sentBytes: connection.sentBytes)
        if let kind { return endForFlood(kind) }
        if let violation = frameGuard.violation { return endForViolation(violation) }
        let isGood = feed(bytes)
        if frameGuard.isInHead {
            headStartedMilliseconds = headStartedMilliseconds ?? server.loop.now
        } else {
            headStartedMilliseconds = nil
        }
        if let flood { return endForFlood(flood) }
        if frameGuard.hasSeenPingAcknowledgement { finishDrainNotice() }
        return isGood
    }

    /// Decodes the heads in the bytes, and passes everything else to nghttp2, with an empty head in each one's place.
    private func feed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let pool = connection.server.headerPool
        var position = 0
        while true {
            switch heads.next(bytes, at: &position, pool) {
            case .frames(let frames): guard pass(frames) else { return false }
            case .header(let frame): guard frame.withBytes(pass) else { return false }
            case .head(let frame, let block):
                // Also of streams that nghttp2 will refuse: the decoder must see every block.
                guard takeHead(block) else { return terminate(NGHTTP2_COMPRESSION_ERROR) }
                guard frame.withBytes(pass) else { return false }
            case .end: return true
            case .broken(let code): return terminate(code)
            case .tooLong:
                flood = .headerList
                return true
            }
        }
    }

    @inline(__always)
    private func takeHead(_ block: UnsafeRawBufferPointer) -> Bool {
        beginHead()
        return decoder.decode(block) { takeField($0) }
    }

    @inline(__always)
    private func pass(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return nghttp2_session_mem_recv(session, start, bytes.count) == bytes.count
    }

    /// Lets nghttp2 emit frames until the output is full or nothing is left. False when the session is over.
    func produce() -> Bool {
        guard nghttp2_session_send(session) == 0, !hasFailed else { return false }
        return nghttp2_session_want_read(session) != 0 || nghttp2_session_want_write(session) != 0
    }

    /// The connection is closing: every open exchange is cut off.
    func end() {
        heads.free(connection.server.headerPool)
        let open = live
        live = []
        latest.removeAll()
        for exchange in open { connection.server.finish(exchange, completed: false) }
    }

    // MARK: Exchanges

    /// A complete request head has come: make an exchange of it.
    func beginExchange(streamID: Int32, hasContent: Bool) {
        head.hasContent = hasContent
        serverReference._withUnsafeGuaranteedRef { server in
            server.counters.requests.add()
            requestsTaken += 1
            if requestsTaken == server.limits.requestsPerConnectionMax { retire() }
            let exchange = server.takeExchange(for: connection)
            exchange.streamID = streamID
            exchange.method = head.method
            exchange.hasContent = hasContent
            exchange.contentRest = rules.contentLength
            exchange.expectsContinue = hasContent && !head.expect.isEmpty
            exchange.liveIndex = live.count
            live.append(exchange)
            latest.insert(exchange)
            _ = nghttp2_session_set_stream_user_data(session, streamID, Unmanaged.passUnretained(exchange).toOpaque())
            if let priority { prioritise(exchange, priority) }
            if let status = refusalStatus() {
                server.counters.requestsMalformed.add()
                return refuse(exchange, status: status)
            }
            server.handler.handle(exchange, head)
        }
    }

    /// Why the head is not to be handled, nil when it is. Settles the head's authority.
    private func refusalStatus() -> Int? {
        if isTargetTooLong { return 414 }
        if headCounted > headerBytesMax || headFields > headerFieldsMax { return 431 }
        return RequestRules.refusal(&head, isHTTP2: true)
    }

    /// nghttp2 has closed the stream: the exchange is over.
    func endExchange(_ exchange: Exchange, completed: Bool) {
        let index = exchange.liveIndex
        latest.remove(exchange)
        live.swapAt(index, live.count - 1)
        live[index].liveIndex = index
        // The list may have held the last reference.
        let ended = live.removeLast()
        serverReference._withUnsafeGuaranteedRef { $0.finish(ended, completed: completed) }
    }

    private func refuse(_ exchange: Exchange, status: Int) {
        let response = exchange.begin(status: status)
        response.addDate(connection.server.loop.wallSeconds)
        response.addContentLength(0)
        exchange.send(response, body: nil, range: 0..<0)
    }

    /// Hands nghttp2 the response: the status alone. The other fields are encoded already and join the frame on its way
    /// out (`emitFrame`), where nghttp2's encoder would spend a third of a small response's time on looking each one up.
    func submit(_ exchange: Exchange, _ builder: ResponseBuilder) {
        exchange.headFields.set(builder.bytes)
        var record = statusRecord(builder.status)
        let result: Int32
        if exchange.hasBody {
            var provider = nghttp2_data_provider()
            provider.source.ptr = Unmanaged.passUnretained(exchange).toOpaque()
            provider.read_callback = readBody
            result = nghttp2_submit_response(session, exchange.streamID, &record, 1, &provider)
        } else {
            result = nghttp2_submit_response(session, exchange.streamID, &record, 1, nil)
        }
        // Out of memory is the only failure of a well-formed response.
        if result != 0 { hasFailed = true }
    }

    /// Lets the client send its content (RFC 9110 section 15.2.1).
    func submitContinue(_ exchange: Exchange) { submitInterim(exchange, status: 100, Self.noFields) }

    /// Hands nghttp2 an interim response: as with `submit`, its fields join the frame on its way out.
    func submitInterim(_ exchange: Exchange, status: Int, _ fields: FieldBlock) {
        var record = statusRecord(status)
        exchange.interims.append(fields)
        let flags = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        if nghttp2_submit_headers(session, flags, exchange.streamID, nil, &record, 1, nil) != 0 { hasFailed = true }
    }

    @inline(__always)
    private func statusRecord(_ status: Int) -> nghttp2_nv {
        let texts = serverReference._withUnsafeGuaranteedRef { $0.statusTexts }
        return nghttp2_nv(
            name: texts.name, value: texts.value(status), namelen: 7, valuelen: 3,
            flags: UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue))
    }

    /// Emits a frame other than DATA, or as much of it as goes into a record. Returns the bytes taken, or nghttp2's code.
    /// nghttp2 hands out whole frames; only those beyond a record's size come in several pieces.
    func emitFrame(_ bytes: UnsafePointer<UInt8>, count: Int) -> Int {
        guard writer.canEmit else { return Int(NGHTTP2_ERR_WOULDBLOCK.rawValue) }
        if frameRest == 0, count >= 9, UInt32(bytes[3]) == NGHTTP2_HEADERS.rawValue {
            guard emitHeaders(bytes, count: count) else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
            return count
        }
        let piece = min(count, Server.recordBytes)
        frameRest = count - piece
        return writer.emit(bytes, count: piece) ? piece : Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
    }

    /// Emits a HEADERS frame with the fields of its exchange behind what nghttp2 has packed. Literals without indexing
    /// may follow any block: they leave the decoder's table as it is (RFC 7541 section 6.2.2).
    private func emitHeaders(_ bytes: UnsafePointer<UInt8>, count: Int) -> Bool {
        let streamID = Int32(bytes[5] & 0x7F) << 24 | Int32(bytes[6]) << 16 | Int32(bytes[7]) << 8 | Int32(bytes[8])
        guard let found = exchange(of: streamID) else { return writer.emit(bytes, count: count) }
        return found._withUnsafeGuaranteedRef { exchange in
            guard !exchange.interims.isEmpty else {
                return emitHeaders(bytes, count: count, with: exchange.headFields.bytes)
            }
            let interim = exchange.interims.removeFirst()
            return withExtendedLifetime(interim) { emitHeaders(bytes, count: count, with: interim.fragment) }
        }
    }

    @inline(__always)
    private func emitHeaders(
        _ bytes: UnsafePointer<UInt8>, count: Int, with fields: UnsafeRawBufferPointer
    ) -> Bool {
        let length = count - 9 + fields.count
        var header = (
            UInt8(length >> 16), UInt8(length >> 8 & 255), UInt8(length & 255), bytes[3], bytes[4], bytes[5],
            bytes[6], bytes[7], bytes[8]
        )
        guard withUnsafeBytes(of: &header, { writer.emit($0.baseAddress!, count: 9) }),
            writer.emit(bytes + 9, count: count - 9)
        else { return false }
        guard let start = fields.baseAddress, !fields.isEmpty else { return true }
        return writer.emit(start, count: fields.count)
    }

    /// The exchange of an open stream. The session's list keeps it.
    @inline(__always)
    func exchange(of streamID: Int32) -> Unmanaged<Exchange>? {
        latest.find(streamID) ?? nghttp2_session_get_stream_user_data(session, streamID).map { .fromOpaque($0) }
    }

    /// Emits one DATA frame: its header and the bytes that `readBody` has seen.
    func emitData(_ exchange: Exchange, frameHeader: UnsafePointer<UInt8>, count: Int) -> Int32 {
        guard writer.canEmit else { return NGHTTP2_ERR_WOULDBLOCK.rawValue }
        guard writer.emit(frameHeader, count: 9) else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        exchange.hasProgressed = true
        var rest = count
        while rest > 0 {
            // What `readBody` has seen stays there: a body only grows.
            guard case .bytes(let bytes) = exchange.window(at: exchange.position), let base = bytes.baseAddress else {
                return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
            }
            let piece = min(bytes.count, rest)
            guard writer.emit(base, count: piece) else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
            exchange.position += piece
            exchange.bytesSent += piece
            rest -= piece
        }
        return 0
    }

    /// Puts the response before all others of the connection (RFC 9218 section 8: a server may know better what a page
    /// waits for). What the client says of this stream from now on does not count.
    func makeUrgent(_ exchange: Exchange) {
        var priority = nghttp2_extpri(urgency: UInt32(NGHTTP2_EXTPRI_URGENCY_HIGH), inc: 0)
        _ = nghttp2_session_change_extpri_stream_priority(session, exchange.streamID, &priority, 1)
    }

    /// What the client asks for; it may change its mind with PRIORITY_UPDATE.
    private func prioritise(_ exchange: Exchange, _ field: PriorityField) {
        var priority = nghttp2_extpri(urgency: field.urgency, inc: field.isIncremental ? 1 : 0)
        _ = nghttp2_session_change_extpri_stream_priority(session, exchange.streamID, &priority, 0)
    }

    func resume(_ exchange: Exchange) {
        _ = nghttp2_session_resume_data(session, exchange.streamID)
    }
}
