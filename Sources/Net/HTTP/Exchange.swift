// SPDX-License-Identifier: Apache-2.0
//
// One request and its response. Exchanges are pooled by the loop's server and used again: a handler keeps
// one only between `handle` and `finished`/`cancelled`, and only on its loop's thread.

import Base
import CLinux

/// One request and its response on a server connection.
public final class Exchange {
    /// Where the response stands.
    enum Phase {
        case idle
        /// The handler has the request and has not answered.
        case waiting
        case sending
    }

    final var phase = Phase.idle
    /// The connection outlives its exchanges' work; reached without counting a reference on the way of every response.
    private final var connectionReference: Unmanaged<ServerConnection>
    /// The HTTP/2 stream; 0 in HTTP/1.1.
    final var streamID: Int32 = 0
    /// The place in the HTTP/2 session's list of open exchanges.
    final var liveIndex = 0
    public internal(set) final var method = Method.other

    /// What the response is made of; kept until the exchange is over.
    public private(set) final var body: BodySource?
    private final var bodyReference: Unmanaged<BodySource>?
    /// True when the body's bytes are sent, in all frames from `position` (which goes out next) to `end` (exclusive;
    /// `Int.max` when unknown).
    final var hasBody = false
    public internal(set) final var position = 0
    public internal(set) final var end = 0
    /// Loop time up to which bytes are known to have gone out, and whether more have since: for the time limit of a
    /// response that nobody reads.
    final var progressMilliseconds: Int64 = 0
    final var hasProgressed = false
    /// The fields of an HTTP/2 response, from `send` until its HEADERS frame is packed.
    final var headFields = HeadBytes()
    /// Content follows the request's head, and how much of it has come.
    final var hasContent = false
    final var contentBytes = 0
    /// What is still to come of an HTTP/2 request's content by its head; nil when that says nothing.
    final var contentRest: Int?
    /// The client waits for leave before it sends its content (RFC 9110 section 10.1.1).
    final var expectsContinue = false
    /// The content so far, while it is collected; and the most of it that the handler takes.
    final var collected: [UInt8]?
    private(set) final var collectedBytesMax = 0
    /// Memory of collected content that the exchange is charged with.
    final var collectedCharge = 0
    /// The fields of HTTP/2 interim responses that are on their way: the next HEADERS frames are theirs.
    final var interims: [FieldBlock] = []
    private final var interimsSent = 0
    /// Interim responses to one request; further ones are left out.
    static let interimsMax = 8
    /// The names and values in one of them, at most.
    public static let interimBytesMax = 4096
    /// A time limit has ended the exchange.
    final var isExpired = false
    /// True while the body has been found pending and the connection waits for `resume()`.
    final var isStalled = false

    /// Status of the response, 0 before it is sent.
    public internal(set) final var status = 0
    /// Body bytes handed to the connection so far.
    public internal(set) final var bytesSent = 0
    /// Loop time at which the request was complete.
    public internal(set) final var startedMilliseconds: Int64 = 0
    /// The handler's own marks for its log; the bytes keep their capacity from request to request.
    public final var tag = 0
    /// Which of the handler's answers to other sites this request gets; 0 at first.
    public final var originTag = 0
    public final var loggedPath: [UInt8] = []
    /// What of the handler's the request belongs to; nil at first.
    public final var owner: AnyObject?
    /// The handler's own record of a request that it could not answer at once.
    public final var parked: AnyObject?

    init(connection: ServerConnection) {
        connectionReference = .passUnretained(connection)
    }

    deinit {
        headFields.free()
    }

    final var connection: ServerConnection {
        get { connectionReference.takeUnretainedValue() }
        set { connectionReference = .passUnretained(newValue) }
    }

    /// The client's numeric address and port, for a log. A system call: not for every request of a fast path.
    public func peerAddress() -> String {
        var text = [CChar](repeating: 0, count: 64)
        guard spw_peer_address(connection.descriptor, &text, text.count) >= 0 else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// `h2` or `http/1.1`.
    public var protocolName: String { streamID != 0 ? "h2" : "http/1.1" }

    /// What the handler has kept for this connection from one request to the next.
    public var connectionState: AnyObject? {
        get { connection.handlerState }
        set { connection.handlerState = newValue }
    }

    /// The loop's response builder, begun for `status`. Use it up before returning to the loop.
    public func begin(status: Int) -> ResponseBuilder {
        connectionReference._withUnsafeGuaranteedRef { connection in
            let builder = connection.server.builder
            builder.begin(status: status, isHTTP2: streamID != 0)
            return builder
        }
    }

    /// Sends the built head with the bytes of `body` in `range`; an upper bound of `Int.max` means: until its end.
    /// For HEAD, 204, 304 and an empty range the body is left out. Exactly once for each exchange.
    public func send(_ builder: ResponseBuilder, body: BodySource?, range: Range<Int>) {
        precondition(phase == .waiting, "an exchange is answered once")
        phase = .sending
        status = builder.status
        hasBody = body != nil && method != .head && builder.status != 204 && builder.status != 304 && !range.isEmpty
        self.body = body
        bodyReference = body.map { .passUnretained($0) }
        hasProgressed = false
        position = range.lowerBound
        end = hasBody ? range.upperBound : range.lowerBound
        isStalled = false
        connectionReference._withUnsafeGuaranteedRef { connection in
            progressMilliseconds = connection.server.loop.now
            connection.send(self, builder)
        }
    }

    /// Sends an interim response (RFC 9110 section 15.2) ahead of the answer, with fields of `interimBytesMax` at most. It is
    /// left out where it can not be had: in HTTP/1.0, behind too many others, and when the client does not read.
    public func sendInterim(status: Int, _ fields: FieldBlock) {
        precondition((100...199).contains(status) && fields.lines.count <= Self.interimBytesMax)
        guard phase == .waiting, interimsSent < Self.interimsMax else { return }
        interimsSent += 1
        connection.sendInterim(self, status: status, fields)
    }

    /// What there is of the body at `offset`, without counting a reference to it: the exchange holds one.
    @inline(__always)
    final func window(at offset: Int) -> BodySource.Window {
        guard let bodyReference else { return .failed }
        return bodyReference._withUnsafeGuaranteedRef { $0.window(at: offset) }
    }

    /// Keeps the request's content in memory, up to `limitBytes`, for a handler that has a use for it; only during
    /// `RequestHandler.handle`, and before the response. A client that waits for leave to send it gets that.
    public func collectContent(limitBytes: Int) -> ContentCollection {
        precondition(phase == .waiting && collected == nil, "content is asked for once, before the response")
        guard hasContent else { return .none }
        collectedBytesMax = limitBytes
        guard connection.server.hasRoomForContent else { return .refused(.noMemory) }
        return connection.collectContent(self)
    }

    /// More content has come. Nil when it was kept; otherwise the content is given up, and the handler is to be told.
    func collect(_ bytes: UnsafeRawBufferPointer) -> ContentFailure? {
        guard let count = collected?.count else { return nil }
        let server = connection.server
        guard count + bytes.count <= collectedBytesMax else { return giveUp(.tooLarge, server) }
        guard server.hasRoomForContent else { return giveUp(.noMemory, server) }
        collected?.append(contentsOf: bytes)
        charge(bytes.count, server)
        return nil
    }

    private func giveUp(_ failure: ContentFailure, _ server: Server) -> ContentFailure {
        collected = nil
        charge(-collectedCharge, server)
        server.counters.contentsRefused.add()
        return failure
    }

    private func charge(_ bytes: Int, _ server: Server) {
        collectedCharge += bytes
        server.contentBytesHeld += bytes
    }

    /// Sends the response before all others of its connection, where the protocol can. For what a player waits for
    /// before it can ask for anything else.
    public func makeUrgent() {
        guard streamID != 0 else { return }
        connection.http2?.makeUrgent(self)
    }

    /// More of a pending body has arrived, or it has failed: the connection reads on.
    public func resume() {
        guard phase == .sending, isStalled else { return }
        isStalled = false
        progressMilliseconds = connection.server.loop.now
        connection.resume(self)
    }

    func reset() {
        phase = .idle
        body = nil
        bodyReference = nil
        hasBody = false
        parked = nil
        if owner != nil { owner = nil }
        streamID = 0
        status = 0
        bytesSent = 0
        isStalled = false
        hasContent = false
        contentBytes = 0
        contentRest = nil
        expectsContinue = false
        collected = nil
        collectedBytesMax = 0
        if collectedCharge > 0 { charge(-collectedCharge, connection.server) }
        if !interims.isEmpty { interims = [] }
        interimsSent = 0
        isExpired = false
        tag = 0
        originTag = 0
        loggedPath.removeAll(keepingCapacity: true)
    }
}

/// What serves requests: the edge, or an administration interface. One per loop; called on its thread.
open class RequestHandler {
    public init() {}

    /// A request has arrived. Answer now with `exchange.send`, or keep the exchange and answer later on this loop.
    open func handle(_ exchange: Exchange, _ request: borrowing RequestHead) {}

    /// The content that `Exchange.collectContent` has asked for is whole. It counts as held until the exchange is over.
    open func contentComplete(_ exchange: Exchange, _ content: [UInt8]) {}

    /// The content will not be had: answer now, with the failure's status.
    open func contentFailed(_ exchange: Exchange, _ failure: ContentFailure) {}

    /// The body of this exchange is pending; call `exchange.resume()` when there is more.
    open func stalled(_ exchange: Exchange) {}

    /// The exchange is over: the response went out whole (`completed`), or it was cut off, or the client left.
    /// The exchange must be forgotten when this returns.
    open func finished(_ exchange: Exchange, completed: Bool) {}
}
