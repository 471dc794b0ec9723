// SPDX-License-Identifier: Apache-2.0
//
// The connections of one loop to one upstream server: kept alive, limited in number, with a fair queue of requests that
// wait for one. Belongs to the loop's thread. A request passes two queues: first for one of the server's connections,
// then, in the gate that all pools of the loop share, for the number of fetches at once; so requests that wait for a
// slow server take no fetch from the others. Whoever has a place in a queue gives it back in `release`, once.

import Base
import CLinux

/// A request handed to a pool, to be given up by `UpstreamPool.cancel`.
public struct UpstreamTicket: Sendable, Equatable {
    fileprivate let number: Int
}

/// Keep-alive connections to one server. See the head of the file.
public final class UpstreamPool {
    static let inputBytes = 131_072

    private struct Busy {
        let fetch: PendingFetch
        let connection: UpstreamConnection
    }

    public let server: UpstreamServer
    let loop: EventLoop
    /// Times count for connections in use at once.
    public var limits: UpstreamLimits {
        didSet {
            queue.runningMax = limits.connectionsMax
            queue.waitingMax = limits.waitingMax
            admitWaiting()
        }
    }
    let input: UnsafeMutableRawPointer
    let tls: TLSClientContext?
    public var usesTLS: Bool { tls != nil }
    let resumption = TLSResumption()
    /// The name that the server's certificate must have.
    let tlsName: String
    private let host: [UInt8]
    private let gate: FetchGate?
    private var queue: FairQueue<PendingFetch>
    private var idle: [UpstreamConnection] = []
    private var busy: [Busy] = []
    /// Those whose failure is on its way to their handlers.
    private var failing: [PendingFetch] = []
    private var nextTicket = 0
    private var isRetired = false

    /// `tls` encrypts the connections; the server's certificate must have its name, else `tlsName`, else its address.
    /// `gate` limits the fetches of all pools that share it.
    public init(
        server: UpstreamServer, loop: EventLoop, limits: UpstreamLimits, tls: TLSClientContext? = nil,
        tlsName: String? = nil, gate: FetchGate? = nil
    ) {
        self.server = server
        self.loop = loop
        self.limits = limits
        self.tls = tls
        self.tlsName = server.name ?? tlsName ?? server.endpoint.address
        self.gate = gate
        host = Array(server.host(usesTLS: tls != nil).utf8)
        queue = FairQueue(runningMax: limits.connectionsMax, waitingMax: limits.waitingMax)
        input = .allocate(byteCount: Self.inputBytes, alignment: 64)
    }

    deinit {
        input.deallocate()
    }

    /// Sends a request on a kept or a new connection, or queues it with the others of its fairness class. Failures are
    /// reported to `handler`, always after this call has returned.
    public func start(_ request: UpstreamRequest, fairness: UInt64 = 0, _ handler: UpstreamHandler) -> UpstreamTicket {
        nextTicket += 1
        let ticket = UpstreamTicket(number: nextTicket)
        let fetch = PendingFetch(
            ticket: ticket, request: request, handler: handler, fairness: fairness,
            deadlineMilliseconds: loop.now + limits.queueMilliseconds, pool: self)
        let admission = queue.enter(fetch, class: fairness, deadlineMilliseconds: fetch.deadlineMilliseconds)
        switch admission {
        case .runs: admit(fetch)
        case .waits(let displaced): if let displaced { refuse(displaced) }
        case .refused: refuse(fetch)
        }
        return ticket
    }

    /// Gives a request up; its handler is not called any more.
    public func cancel(_ ticket: UpstreamTicket) {
        if let entry = busy.first(where: { $0.fetch.ticket == ticket }) {
            entry.connection.cancel()
        } else if let fetch = failing.first(where: { $0.ticket == ticket }) {
            fetch.isCancelled = true
        } else {
            queue.remove { $0.ticket == ticket }
            guard let fetch = gate?.remove(ticket, of: self) else { return }
            release(fetch)
        }
    }

    /// Stops reading the body of a response until `resume`: its handler's reader is behind.
    public func pause(_ ticket: UpstreamTicket) {
        busy.first { $0.fetch.ticket == ticket }?.connection.pause()
    }

    /// Reads on after `pause`.
    public func resume(_ ticket: UpstreamTicket) {
        busy.first { $0.fetch.ticket == ticket }?.connection.resume()
    }

    /// Call about ten times a second: gives up requests that have waited for too long.
    public func turn() {
        for fetch in queue.expire(nowMilliseconds: loop.now) { refuse(fetch) }
    }

    /// The pool gets no more requests: unused connections are closed now, the others when their responses are over. Keep
    /// the pool until `isEmpty`.
    public func retire() {
        isRetired = true
        for connection in idle { connection.cancel() }
    }

    /// No connection is open and no request waits.
    public var isEmpty: Bool {
        idle.isEmpty && busy.isEmpty && failing.isEmpty && queue.runningCount == 0 && queue.waitingCount == 0
    }

    // MARK: The way to a connection

    /// The fetch has a connection's place.
    private func admit(_ fetch: PendingFetch) {
        fetch.holdsConnection = true
        if let gate { gate.enter(fetch) } else { dispatch(fetch) }
    }

    private func admitWaiting() {
        while let fetch = queue.next() { admit(fetch) }
    }

    /// It is the fetch's turn.
    func dispatch(_ fetch: PendingFetch) {
        fetch.holdsGate = gate != nil
        if let connection = idle.popLast() {
            busy.append(Busy(fetch: fetch, connection: connection))
            connection.start(fetch.request.bytes(serverHost: host), isHead: fetch.request.isHead, fetch.handler)
        } else {
            open(fetch)
        }
    }

    private func open(_ fetch: PendingFetch) {
        let descriptor = spw_connect_tcp(server.endpoint.address, server.endpoint.port)
        guard descriptor >= 0 else { return failLater(fetch, .connectFailed) }
        let connection = UpstreamConnection(descriptor: descriptor, pool: self)
        guard loop.add(connection) else {
            _ = spw_close(descriptor)
            return failLater(fetch, .connectFailed)
        }
        busy.append(Busy(fetch: fetch, connection: connection))
        connection.start(fetch.request.bytes(serverHost: host), isHead: fetch.request.isHead, fetch.handler)
    }

    /// There is no room for the fetch, or it has waited for too long.
    func refuse(_ fetch: PendingFetch) { failLater(fetch, .overloaded) }

    /// A failure that is known at once still arrives after `start` has returned, and not inside another fetch's end.
    private func failLater(_ fetch: PendingFetch, _ failure: UpstreamFailure) {
        failing.append(fetch)
        // Runs on this same loop's thread: neither changes threads.
        nonisolated(unsafe) let fetch = fetch
        nonisolated(unsafe) let pool = self
        loop.mailbox.post {
            pool.failing.removeAll { $0 === fetch }
            pool.release(fetch)
            if !fetch.isCancelled { fetch.handler.failed(failure) }
        }
    }

    /// Gives back the places that the fetch has had.
    private func release(_ fetch: PendingFetch) {
        if fetch.holdsConnection { queue.leave() }
        if fetch.holdsGate { gate?.leave() }
        fetch.holdsConnection = false
        fetch.holdsGate = false
        admitWaiting()
    }

    // MARK: What connections report

    func becameIdle(_ connection: UpstreamConnection) {
        let fetch = takeFetch(of: connection)
        // First, so that the next one finds it.
        idle.append(connection)
        if let fetch { release(fetch) }
        if isRetired || idle.count > limits.idleConnectionsMax { idle.first?.cancel() }
    }

    func closed(_ connection: UpstreamConnection) {
        idle.removeAll { $0 === connection }
        // One that can not be opened fails its request and leaves its place to the next.
        if let fetch = takeFetch(of: connection) { release(fetch) }
    }

    private func takeFetch(of connection: UpstreamConnection) -> PendingFetch? {
        guard let index = busy.firstIndex(where: { $0.connection === connection }) else { return nil }
        return busy.remove(at: index).fetch
    }
}
