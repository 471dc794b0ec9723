// SPDX-License-Identifier: Apache-2.0
//
// nghttp2's C callbacks. Each takes the session's user data, which is the unretained HTTP2Session that owns
// the handle and therefore outlives every call, and passes the event on. Unsafe by nature; nothing here
// keeps a pointer after it returns.

import CNGHTTP2

private func owner(_ userData: UnsafeMutableRawPointer?) -> HTTP2Session {
    guard let userData else { preconditionFailure("a session has its owner as user data") }
    return Unmanaged<HTTP2Session>.fromOpaque(userData).takeUnretainedValue()
}

/// The callback table, made once and shared by all sessions. `nonisolated(unsafe)` because nghttp2 copies
/// the table when it makes a session, and nothing writes to it after the initialiser.
nonisolated(unsafe) let sharedCallbacks: OpaquePointer? = {
    var callbacks: OpaquePointer?
    guard nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, _, userData in
        owner(userData).beginHead()
        return 0
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) {
        _, _, name, nameLength, value, valueLength, _, userData in
        owner(userData).takeField(
            name: UnsafeRawBufferPointer(start: name, count: nameLength),
            value: UnsafeRawBufferPointer(start: value, count: valueLength))
        return 0
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frameReceived)
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, streamClosed)
    nghttp2_session_callbacks_set_send_callback(callbacks, sendBytes)
    nghttp2_session_callbacks_set_send_data_callback(callbacks, sendData)
    return callbacks
}()

private let frameReceived: nghttp2_on_frame_recv_callback = { session, frame, userData in
    guard let frame, UInt32(frame.pointee.hd.type) == NGHTTP2_HEADERS.rawValue else { return 0 }
    let owner = owner(userData)
    guard frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST else {
        // Trailers are read and ignored.
        owner.releaseHead()
        return 0
    }
    owner.head.hasContent = UInt32(frame.pointee.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue == 0
    owner.beginExchange(streamID: frame.pointee.hd.stream_id)
    owner.releaseHead()
    return 0
}

private let streamClosed: nghttp2_on_stream_close_callback = { session, streamID, errorCode, userData in
    guard let pointer = nghttp2_session_get_stream_user_data(session, streamID) else { return 0 }
    let exchange = Unmanaged<Exchange>.fromOpaque(pointer).takeUnretainedValue()
    let isWhole = errorCode == NGHTTP2_NO_ERROR.rawValue && exchange.phase == .sending
    owner(userData).endExchange(exchange, completed: isWhole)
    return 0
}

/// Frames other than DATA: as many bytes as there is room for.
private let sendBytes: nghttp2_send_callback = { _, data, length, _, userData in
    let connection = owner(userData).connection
    guard let data, connection.canEmit else { return Int(NGHTTP2_ERR_WOULDBLOCK.rawValue) }
    let count = min(length, Server.recordBytes)
    guard connection.emit(data, count: count) else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
    return count
}

/// How much of a body can go into the next DATA frame. The bytes themselves are copied in `sendData`.
let readBody: nghttp2_data_source_read_callback = { _, _, _, length, flags, source, userData in
    guard let source, let flags, let pointer = source.pointee.ptr else {
        return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
    }
    let exchange = Unmanaged<Exchange>.fromOpaque(pointer).takeUnretainedValue()
    guard let body = exchange.body else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
    let frameBytes = min(length, HTTP2Session.dataBytesMax)
    switch body.window(at: exchange.position) {
    case .bytes(let bytes):
        let rest = exchange.end - exchange.position
        var count = min(bytes.count, rest, frameBytes)
        // A frame may span two pieces of the body; a third is never needed, pieces are larger than frames.
        if count < frameBytes, count < rest,
            case .bytes(let more) = body.window(at: exchange.position + count)
        {
            count = min(count + more.count, rest, frameBytes)
        }
        flags.pointee = NGHTTP2_DATA_FLAG_NO_COPY.rawValue
        if count == rest { flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue }
        return count
    case .pending:
        exchange.isStalled = true
        owner(userData).connection.server.handler.stalled(exchange)
        return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    case .end where exchange.end == .max:
        flags.pointee = NGHTTP2_DATA_FLAG_EOF.rawValue
        return 0
    case .end, .failed:
        // RST_STREAM: a cut-off body must never look like a whole one.
        return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
}

private let sendData: nghttp2_send_data_callback = { _, _, frameHeader, length, source, userData in
    let connection = owner(userData).connection
    guard connection.canEmit else { return NGHTTP2_ERR_WOULDBLOCK.rawValue }
    guard let frameHeader, let source, let pointer = source.pointee.ptr else {
        return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }
    let exchange = Unmanaged<Exchange>.fromOpaque(pointer).takeUnretainedValue()
    guard connection.emit(frameHeader, count: 9) else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
    exchange.progressMilliseconds = connection.server.loop.now
    var rest = length
    while rest > 0 {
        // What `readBody` has seen stays there: a body only grows.
        guard case .bytes(let bytes)? = exchange.body?.window(at: exchange.position), let base = bytes.baseAddress
        else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        let count = min(bytes.count, rest)
        guard connection.emit(base, count: count) else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        exchange.position += count
        exchange.bytesSent += count
        rest -= count
    }
    return 0
}
