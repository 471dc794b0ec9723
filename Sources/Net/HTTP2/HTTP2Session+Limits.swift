// SPDX-License-Identifier: Apache-2.0

import Base
import CNGHTTP2

/// How a session ends, in order or not, and what its streams may take: time and content.
extension HTTP2Session {
    /// Where the orderly end of a connection stands (RFC 9113 section 6.8).
    enum Drain {
        case none
        /// The client was told that the end is near; streams that it opened before it knew are still taken.
        case noticed(sinceMilliseconds: Int64)
        /// The last stream is named: no new one is taken.
        case final
    }

    /// The round trip that a client gets to hear of the end, when it does not answer our PING sooner.
    private static let noticeMilliseconds: Int64 = 1000

    /// Ends the connection in order: a notice with a PING behind it, the real GOAWAY when the PING is answered, the close
    /// when the last stream has ended. A connection without a stream is spared the notice.
    func beginDrain() {
        guard case .none = drain else { return }
        guard !live.isEmpty else { return submitGoAway() }
        drain = .noticed(sinceMilliseconds: connection.server.loop.now)
        _ = nghttp2_submit_shutdown_notice(session)
        _ = nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
    }

    /// The client knows of the end: what it sends from now on it sends in vain.
    func finishDrainNotice() {
        if case .noticed = drain { submitGoAway() }
    }

    /// Announces that no new stream will be taken; open ones finish.
    private func submitGoAway() {
        drain = .final
        let last = nghttp2_session_get_last_proc_stream_id(session)
        _ = nghttp2_submit_goaway(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, NGHTTP2_NO_ERROR.rawValue, nil, 0)
    }

    /// The connection has served long or often enough.
    func retire() {
        guard case .none = drain else { return }
        connection.server.counters.connectionsRetired.add()
        beginDrain()
    }

    /// Says why and gives the connection up: always false, for `receive`. What is queued behind the GOAWAY is not sent.
    func endForFlood(_ kind: FloodKind) -> Bool {
        connection.server.counters.floods(kind).add()
        return terminate(NGHTTP2_ENHANCE_YOUR_CALM)
    }

    /// The same for frames on streams that the client has ended.
    func endForViolation(_ violation: StreamLedger.Violation) -> Bool {
        terminate(violation == .streamClosed ? NGHTTP2_STREAM_CLOSED : NGHTTP2_PROTOCOL_ERROR)
    }

    /// A connection error (RFC 9113 section 5.4.1). Always false, for `receive`.
    func terminate(_ code: nghttp2_error_code) -> Bool {
        let server = connection.server
        connection.writer.pointee.output.hold(from: server.outputPool)
        _ = nghttp2_session_terminate_session(session, code.rawValue)
        _ = produce()
        _ = connection.writer.seal()
        return false
    }

    /// A frame of the client's forced a reset, or was refused.
    func countFault() {
        if let kind = frameGuard.countFault(nowMilliseconds: connection.server.loop.now) { flood = kind }
    }

    /// Content has come, for the exchange that collects it or for nobody.
    func takeContent(_ exchange: Exchange, _ content: UnsafeRawBufferPointer) {
        if let rest = exchange.contentRest {
            exchange.contentRest = rest - content.count
            guard rest >= content.count else { return rest >= 0 ? resetMalformed(exchange.streamID) : () }
        }
        guard exchange.collected == nil else {
            guard let failure = exchange.collect(content), exchange.phase == .waiting else { return }
            // What still comes is passed over, within the limit for that.
            return connection.server.handler.contentFailed(exchange, failure)
        }
        let limit = connection.server.limits.contentBytesMax
        let before = exchange.contentBytes
        exchange.contentBytes += content.count
        guard before <= limit, exchange.contentBytes > limit else { return }
        connection.server.counters.contentsRefused.add()
        reset(exchange)
    }

    /// Keeps the content of the request that is being handled. nghttp2 opens the client's windows as it comes; the limit
    /// bounds the memory.
    func collectContent(_ exchange: Exchange) -> ContentCollection {
        exchange.collected = []
        if exchange.expectsContinue { submitContinue(exchange) }
        return .collecting
    }

    /// The client has ended its side of the stream. The content must be as long as its head said (RFC 9113 section 8.1.1).
    func endContent(streamID: Int32) {
        exchange(of: streamID)?._withUnsafeGuaranteedRef { exchange in
            guard (exchange.contentRest ?? 0) == 0 else { return resetMalformed(streamID) }
            guard let content = exchange.collected else { return }
            exchange.collected = nil
            // The handler may have answered without waiting for it.
            guard exchange.phase == .waiting else { return }
            connection.server.handler.contentComplete(exchange, content)
        }
    }

    /// Frames are queued that the client's windows let through.
    var wantsWrite: Bool { nghttp2_session_want_write(session) != 0 }

    /// True when output waits for the client: the socket takes no more, or a window is closed.
    var isWaitingForClient: Bool {
        live.contains { $0.phase == .sending && !$0.isStalled }
    }

    /// About once a second. Resets the streams whose client has taken no byte for too long (closed windows, lost phones)
    /// and those whose content does not end. Returns how many.
    func expire(now: Int64, _ limits: ServerLimits) -> Int {
        if case .noticed(let since) = drain, now - since >= Self.noticeMilliseconds { submitGoAway() }
        var count = 0
        for exchange in live {
            let isLate = isUnread(exchange, now, limits) || isContentLate(exchange, now, limits)
            guard isLate, !exchange.isExpired else { continue }
            exchange.isExpired = true
            reset(exchange)
            count += 1
        }
        return count
    }

    private func isUnread(_ exchange: Exchange, _ now: Int64, _ limits: ServerLimits) -> Bool {
        guard exchange.phase == .sending, !exchange.isStalled else { return false }
        if exchange.hasProgressed {
            exchange.hasProgressed = false
            exchange.progressMilliseconds = now
        }
        return now - exchange.progressMilliseconds > limits.sendStallTimeoutMilliseconds
    }

    private func isContentLate(_ exchange: Exchange, _ now: Int64, _ limits: ServerLimits) -> Bool {
        guard exchange.hasContent, now - exchange.startedMilliseconds > limits.contentTimeoutMilliseconds else {
            return false
        }
        return nghttp2_session_get_stream_remote_close(session, exchange.streamID) == 0
    }

    /// RST_STREAM; with NO_ERROR when the whole response is out and only the rest of the request is not wanted
    /// (RFC 9113 section 8.1).
    private func reset(_ exchange: Exchange) {
        let isWhole =
            exchange.phase == .sending
            && nghttp2_session_get_stream_local_close(session, exchange.streamID) == 1
        _ = nghttp2_submit_rst_stream(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), exchange.streamID,
            isWhole ? NGHTTP2_NO_ERROR.rawValue : NGHTTP2_CANCEL.rawValue)
    }
}
