// SPDX-License-Identifier: Apache-2.0
//
// What the connections of one loop share: the handler, the limits and counters, and the buffers that are
// used by one connection at a time because only one runs at a time. All of it belongs to the loop's thread
// and lives as long as the loop.

import Base

/// The server side of one event loop.
public final class Server {
    /// TLS 1.2 and 1.3 limit a record to 16 KiB of plaintext (RFC 8446 section 5.1).
    static let recordBytes = 16_384
    static let inputBytes = 65_536
    /// Output is sent in batches of this size: many records in one write(2).
    static let outputBytes = 262_144
    /// The most that `ServerLimits.headerBytesMax` may be: memory for heads has this size, so that the limit may change.
    /// What is never written takes no memory.
    static let headerBytesMax = 65_536

    public let loop: EventLoop
    let handler: RequestHandler
    public private(set) var limits: ServerLimits
    public let counters: ServerCounters
    let builder = ResponseBuilder()
    let statusTexts = StatusTexts()
    let outputPool = BufferPool(bufferBytes: Server.outputBytes, keepMax: 64)
    /// For HTTP/2 header blocks that come in several pieces.
    let headerPool: BufferPool
    /// For values of a head that can not stay where they were read; used while its request is handled.
    let headScratch: UnsafeMutableRawPointer
    /// Bytes just read from a socket.
    let input: UnsafeMutableRawPointer
    /// What TLS decrypted of them.
    let plaintext: UnsafeMutableRawPointer
    /// For the strings of one field of an HTTP/2 head.
    let fieldScratch = UnsafeMutableRawPointer.allocate(byteCount: HeaderDecoder.scratchBytes, alignment: 64)
    let staging: UnsafeMutablePointer<RecordStaging>
    private(set) var addresses: AddressTable?
    private(set) var isDraining = false
    var listeners: [Listener] = []
    /// Collected content of requests, all together.
    var contentBytesHeld = 0
    var hasRoomForContent: Bool { contentBytesHeld < limits.contentBytesHeldMax }
    private var idleExchanges: [Exchange] = []

    /// `handler` is called on the loop's thread; it and the counters live as long as the server. `addresses`, which the
    /// servers of a process may share, limits the connections of each client address; nil for no such limit.
    public init(
        loop: EventLoop, handler: RequestHandler, limits: ServerLimits, counters: ServerCounters,
        addresses: AddressTable? = nil
    ) {
        self.addresses = addresses
        self.loop = loop
        self.handler = handler
        self.limits = limits
        self.counters = counters
        precondition(limits.headerBytesMax <= Self.headerBytesMax)
        headScratch = .allocate(byteCount: Self.headerBytesMax, alignment: 16)
        headerPool = BufferPool(bufferBytes: HeaderDecoder.blockBytesMax, keepMax: 64)
        input = .allocate(byteCount: Self.inputBytes, alignment: 64)
        plaintext = .allocate(byteCount: Self.inputBytes, alignment: 64)
        staging = .allocate(capacity: 1)
        staging.initialize(to: RecordStaging(bytes: .allocate(byteCount: Self.recordBytes, alignment: 64)))
    }

    deinit {
        headScratch.deallocate()
        input.deallocate()
        fieldScratch.deallocate()
        plaintext.deallocate()
        staging.pointee.bytes.deallocate()
        staging.deallocate()
    }

    /// Puts other limits in force; call on the loop's thread. Those of time and number count for every connection at once,
    /// those that were told to an HTTP/2 client for new connections.
    public func apply(_ limits: ServerLimits, addresses: AddressTable?) {
        precondition(limits.headerBytesMax <= Self.headerBytesMax)
        self.limits = limits
        self.addresses = addresses
    }

    /// Stops accepting, tells HTTP/2 clients to go away, and lets what is in flight finish.
    public func drain() {
        guard !isDraining else { return }
        isDraining = true
        for listener in listeners { listener.close() }
        listeners = []
        loop.forEachSource { ($0 as? ServerConnection)?.drain() }
    }

    func takeExchange(for connection: ServerConnection) -> Exchange {
        let exchange = idleExchanges.popLast() ?? Exchange(connection: connection)
        exchange.connection = connection
        exchange.phase = .waiting
        exchange.startedMilliseconds = loop.now
        return exchange
    }

    /// Tells the handler that the exchange is over and keeps the record for another.
    func finish(_ exchange: Exchange, completed: Bool) {
        counters.bytesSent.add(exchange.bytesSent)
        if !completed { counters.responsesAborted.add() }
        handler.finished(exchange, completed: completed)
        exchange.reset()
        if idleExchanges.count < 1024 { idleExchanges.append(exchange) }
    }
}
