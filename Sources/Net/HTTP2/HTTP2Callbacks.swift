// SPDX-License-Identifier: Apache-2.0
//
// nghttp2's C callbacks. Each takes the session's user data, which is the unretained HTTP2Session that owns
// the handle and therefore outlives every call, and passes the event on. Unsafe by nature; nothing here
// keeps a pointer after it returns.

import CNGHTTP2

/// Calls `body` with the session's owner, which lives through the call: no reference is counted.
@inline(__always)
private func withOwner<Result>(_ userData: UnsafeMutableRawPointer?, _ body: (HTTP2Session) -> Result) -> Result {
    guard let userData else { preconditionFailure("a session has its owner as user data") }
    return Unmanaged<HTTP2Session>.fromOpaque(userData)._withUnsafeGuaranteedRef(body)
}

/// Calls `body` with the exchange that a stream or a data source points to: the session's list keeps it.
@inline(__always)
private func withExchange<Result>(_ pointer: UnsafeMutableRawPointer, _ body: (Exchange) -> Result) -> Result {
    Unmanaged<Exchange>.fromOpaque(pointer)._withUnsafeGuaranteedRef(body)
}

/// The callback table, made once and shared by all sessions. `nonisolated(unsafe)` because nghttp2 copies
/// the table when it makes a session, and nothing writes to it after the initialiser.
nonisolated(unsafe) let sharedCallbacks: OpaquePointer? = {
    var callbacks: OpaquePointer?
    guard nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frameReceived)
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, streamClosed)
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, _, _, userData in
        withOwner(userData) { $0.countFault() }
        return 0
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, contentReceived)
    nghttp2_session_callbacks_set_send_callback(callbacks, sendBytes)
    nghttp2_session_callbacks_set_send_data_callback(callbacks, sendData)
    return callbacks
}()

private let frameReceived: nghttp2_on_frame_recv_callback = { _, frame, userData in
    guard let frame else { return 0 }
    let streamID = frame.pointee.hd.stream_id
    let endsStream = UInt32(frame.pointee.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
    switch UInt32(frame.pointee.hd.type) {
    case NGHTTP2_HEADERS.rawValue:
        let isTrailer = frame.pointee.headers.cat != NGHTTP2_HCAT_REQUEST
        withOwner(userData) { $0.endHead(streamID: streamID, isTrailer: isTrailer, endsStream: endsStream) }
    case NGHTTP2_DATA.rawValue where endsStream: withOwner(userData) { $0.endContent(streamID: streamID) }
    default: break
    }
    return 0
}

private let contentReceived: nghttp2_on_data_chunk_recv_callback = { session, _, streamID, data, count, userData in
    guard let pointer = nghttp2_session_get_stream_user_data(session, streamID) else { return 0 }
    let content = UnsafeRawBufferPointer(start: data, count: count)
    withOwner(userData) { owner in withExchange(pointer) { owner.takeContent($0, content) } }
    return 0
}

/// The ends of a stream that a client brings about by breaking the protocol.
private func isFault(_ errorCode: UInt32) -> Bool {
    errorCode == NGHTTP2_PROTOCOL_ERROR.rawValue || errorCode == NGHTTP2_FLOW_CONTROL_ERROR.rawValue
        || errorCode == NGHTTP2_STREAM_CLOSED.rawValue || errorCode == NGHTTP2_FRAME_SIZE_ERROR.rawValue
}

private let streamClosed: nghttp2_on_stream_close_callback = { session, streamID, errorCode, userData in
    if errorCode != NGHTTP2_NO_ERROR.rawValue, isFault(errorCode) { withOwner(userData) { $0.countFault() } }
    withOwner(userData) { owner in
        owner.exchange(of: streamID)?._withUnsafeGuaranteedRef { exchange in
            let isWhole = errorCode == NGHTTP2_NO_ERROR.rawValue && exchange.phase == .sending
            owner.endExchange(exchange, completed: isWhole)
        }
    }
    return 0
}

/// Frames other than DATA: as many bytes as there is room for.
private let sendBytes: nghttp2_send_callback = { _, data, length, _, userData in
    withOwner(userData) { owner in
        guard let data else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
        return owner.emitFrame(data, count: length)
    }
}

/// How much of a body can go into the next DATA frame. The bytes themselves are copied in `sendData`.
let readBody: nghttp2_data_source_read_callback = { _, _, _, length, flags, source, userData in
    guard let source, let flags, let pointer = source.pointee.ptr else {
        return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
    }
    return withExchange(pointer) { exchange in
        let frameBytes = min(length, HTTP2Session.dataBytesMax)
        let rest = exchange.end - exchange.position
        switch exchange.window(at: exchange.position) {
        case .bytes(let bytes):
            var count = min(bytes.count, rest, frameBytes)
            // A frame may span two pieces of the body; a third is never needed, pieces are larger than frames.
            if count < frameBytes, count < rest,
                case .bytes(let more) = exchange.window(at: exchange.position + count)
            {
                count = min(count + more.count, rest, frameBytes)
            }
            flags.pointee = NGHTTP2_DATA_FLAG_NO_COPY.rawValue
            if count == rest { flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue }
            return count
        case .pending:
            exchange.isStalled = true
            withOwner(userData) { $0.connection.server.handler.stalled(exchange) }
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        case .end where exchange.end == .max:
            flags.pointee = NGHTTP2_DATA_FLAG_EOF.rawValue
            return 0
        case .end, .failed:
            // RST_STREAM: a cut-off body must never look like a whole one.
            return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        }
    }
}

private let sendData: nghttp2_send_data_callback = { _, _, frameHeader, length, source, userData in
    guard let frameHeader, let source, let pointer = source.pointee.ptr else {
        return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }
    return withOwner(userData) { owner in
        withExchange(pointer) { owner.emitData($0, frameHeader: frameHeader, count: length) }
    }
}
