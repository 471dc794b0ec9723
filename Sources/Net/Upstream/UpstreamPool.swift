// SPDX-License-Identifier: Apache-2.0
//
// The connections of one loop to one upstream server: kept alive, limited in number, with a queue of
// requests that wait for one. Belongs to the loop's thread.

public import Base
import CLinux

/// A request handed to a pool, to be given up by `UpstreamPool.cancel`.
public struct UpstreamTicket: Sendable, Equatable {
    fileprivate let number: Int
}

/// Keep-alive connections to one server. See the head of the file.
public final class UpstreamPool {
    static let inputBytes = 131_072

    private struct Waiting {
        var ticket: UpstreamTicket
        var request: [UInt8]
        var handler: UpstreamHandler
    }

    public let server: Endpoint
    let loop: EventLoop
    /// Times count for connections in use at once.
    public var limits: UpstreamLimits
    let input: UnsafeMutableRawPointer
    private var idle: [UpstreamConnection] = []
    private var busy: [(ticket: UpstreamTicket, connection: UpstreamConnection)] = []
    private var waiting: [Waiting] = []
    private var nextTicket = 0
    private var isRetired = false

    public init(server: Endpoint, loop: EventLoop, limits: UpstreamLimits) {
        self.server = server
        self.loop = loop
        self.limits = limits
        input = .allocate(byteCount: Self.inputBytes, alignment: 64)
    }

    deinit {
        input.deallocate()
    }

    /// Sends the bytes of a request on a kept or a new connection, or queues it. Failures are reported to
    /// `handler`, always after this call has returned.
    public func start(_ request: [UInt8], _ handler: UpstreamHandler) -> UpstreamTicket {
        nextTicket += 1
        let ticket = UpstreamTicket(number: nextTicket)
        if let connection = idle.popLast() {
            busy.append((ticket, connection))
            connection.start(request, handler)
        } else if busy.count < limits.connectionsMax {
            open(ticket, request, handler)
        } else if waiting.count < limits.waitingMax {
            waiting.append(Waiting(ticket: ticket, request: request, handler: handler))
        } else {
            failLater(handler, .overloaded)
        }
        return ticket
    }

    /// Gives a request up; its handler is not called any more.
    public func cancel(_ ticket: UpstreamTicket) {
        if let index = waiting.firstIndex(where: { $0.ticket == ticket }) {
            waiting.remove(at: index)
        } else if let entry = busy.first(where: { $0.ticket == ticket }) {
            entry.connection.cancel()
        }
    }

    /// Stops reading the body of a response until `resume`: its handler's reader is behind.
    public func pause(_ ticket: UpstreamTicket) {
        busy.first { $0.ticket == ticket }?.connection.pause()
    }

    /// Reads on after `pause`.
    public func resume(_ ticket: UpstreamTicket) {
        busy.first { $0.ticket == ticket }?.connection.resume()
    }

    /// The pool gets no more requests: unused connections are closed now, the others when their responses are over. Keep
    /// the pool until `isEmpty`.
    public func retire() {
        isRetired = true
        for connection in idle { connection.cancel() }
    }

    /// No connection is open and no request waits.
    public var isEmpty: Bool { idle.isEmpty && busy.isEmpty && waiting.isEmpty }

    private func open(_ ticket: UpstreamTicket, _ request: [UInt8], _ handler: UpstreamHandler) {
        let descriptor = spw_connect_tcp(server.address, server.port)
        guard descriptor >= 0 else { return failLater(handler, .connectFailed) }
        let connection = UpstreamConnection(descriptor: descriptor, pool: self)
        guard loop.add(connection) else {
            _ = spw_close(descriptor)
            return failLater(handler, .connectFailed)
        }
        busy.append((ticket, connection))
        connection.start(request, handler)
    }

    /// A failure that is known at once still arrives after `start` has returned.
    private func failLater(_ handler: UpstreamHandler, _ failure: UpstreamFailure) {
        // Runs on this same loop's thread: the handler does not change threads.
        nonisolated(unsafe) let handler = handler
        loop.mailbox.post { handler.failed(failure) }
    }

    func becameIdle(_ connection: UpstreamConnection) {
        busy.removeAll { $0.connection === connection }
        if !waiting.isEmpty {
            let next = waiting.removeFirst()
            busy.append((next.ticket, connection))
            connection.start(next.request, next.handler)
        } else if !isRetired, idle.count < limits.idleConnectionsMax {
            idle.append(connection)
        } else {
            connection.cancel()
        }
    }

    func closed(_ connection: UpstreamConnection) {
        busy.removeAll { $0.connection === connection }
        idle.removeAll { $0 === connection }
        // One that can not be opened fails its request and leaves its place to the next.
        while !waiting.isEmpty, busy.count < limits.connectionsMax {
            let next = waiting.removeFirst()
            open(next.ticket, next.request, next.handler)
        }
    }
}
