// SPDX-License-Identifier: Apache-2.0
//
// One accepted connection: its socket, its TLS session and the HTTP session that ALPN chose. Belongs to its
// loop's thread; the loop's table holds it from accept to `close()`. Reading is in +Input, writing in +Output.
//
// The writer lies in memory of its own because OpenSSL's callback appends to its buffer through a pointer; it is
// freed in deinit, after the TLS session that points to it.

import Base
import CLinux

/// The server's side of one connection.
final class ServerConnection: EventSource {
    enum Phase {
        case handshaking, open
        /// What is in the output goes out, then the connection closes.
        case closing
        /// Our side is closed; what the client still sends is read and dropped until it closes too.
        case lingering
        case closed
    }

    unowned(unsafe) let server: Server
    var phase: Phase
    var tls: TLSSession?
    /// Of a cleartext connection that has not shown yet which protocol it speaks.
    var preface: PrefaceDetector?
    /// When the first part of a preface came; 0 while there is none.
    var prefaceStartedMilliseconds: Int64 = 0
    var http1: HTTP1Session?
    var http2: HTTP2Session?
    let writer: UnsafeMutablePointer<RecordWriter>
    /// What the handler remembers about this connection.
    var handlerState: AnyObject?

    /// Input arrived while a turn's share was used up; read on at the next turn.
    var hasMoreInput = false
    /// The peer has closed its side: read on until the end is seen.
    var peerHasEnded = false
    var isReceiving = false
    var isPumping = false
    /// The socket took no more; since when, or 0.
    var blockedSinceMilliseconds: Int64 = 0
    var lastActivityMilliseconds: Int64
    /// The client broke the protocol and may be in the middle of sending.
    var hasFailedInput = false
    var lingerStartedMilliseconds: Int64 = 0
    var lingeredBytes = 0
    /// Nothing has come since OpenSSL's buffers were given back.
    var hasReleasedBuffers = false
    let acceptedMilliseconds: Int64
    /// Bytes that the socket has taken.
    var sentBytes = 0
    private var rate = RateWindow()
    /// What the table of addresses counts this connection as.
    private let address: AddressTable.Entry?

    /// Owns `descriptor` once the loop has accepted it. Nil when TLS can not be set up (out of memory).
    /// `address` has been entered in the server's table and leaves it with the connection.
    init?(descriptor: Int32, tls context: TLSContext?, address: AddressTable.Entry?, server: Server) {
        self.server = server
        self.address = address
        writer = .allocate(capacity: 1)
        writer.initialize(to: RecordWriter(staging: server.staging))
        acceptedMilliseconds = server.loop.now
        lastActivityMilliseconds = server.loop.now
        phase = context == nil ? .open : .handshaking
        super.init(descriptor: descriptor)
        if let context {
            tls = TLSSession(context: context, writer: writer)
            if tls == nil { return nil }
        } else {
            preface = PrefaceDetector()
        }
    }

    deinit {
        tls = nil
        writer.pointee.output.release(to: server.outputPool)
        writer.deinitialize(count: 1)
        writer.deallocate()
    }

    override func ready(_ events: UInt32) {
        if events & SPW_EPOLLRDHUP != 0 { peerHasEnded = true }
        if events & (SPW_EPOLLIN | SPW_EPOLLRDHUP | SPW_EPOLLHUP | SPW_EPOLLERR) != 0 { receive() }
        pump()
    }

    override func runAgain() {
        if hasMoreInput { receive() }
        pump()
    }

    override func tick(now: Int64) {
        let limits = server.limits
        if now - acceptedMilliseconds > limits.lifetimeMilliseconds, phase == .open { retire() }
        let isLate =
            switch phase {
            case .handshaking: now - acceptedMilliseconds > limits.handshakeTimeoutMilliseconds
            case .open, .closing:
                isSendStalled(now, limits) || isHeadLate(now, limits)
                    || (isIdle && now - lastActivityMilliseconds > limits.idleTimeoutMilliseconds)
            case .lingering, .closed: false
            }
        if phase == .lingering {
            if now - lingerStartedMilliseconds > limits.lingerTimeoutMilliseconds { close() }
        } else if isLate {
            server.counters.timeouts.add()
            close()
        } else {
            releaseIdleBuffers(now)
            expireStreams(now, limits)
        }
    }

    /// A stall ends a stream alone; the connection ends when that has not helped.
    private func expireStreams(_ now: Int64, _ limits: ServerLimits) {
        let expired = http2?.expire(now: now, limits) ?? 0
        server.counters.timeouts.add(expired)
        if isTooSlow(now, limits), expired == 0 {
            server.counters.slowReaders.add()
            close()
        } else if http2?.wantsWrite == true {
            server.loop.schedule(self)
        }
    }

    /// An idle connection keeps what it needs to be woken, not what it needs to work.
    private func releaseIdleBuffers(_ now: Int64) {
        guard !hasReleasedBuffers, phase == .open, now - lastActivityMilliseconds > 1000, isIdle else { return }
        hasReleasedBuffers = true
        tls?.releaseBuffers()
        writer.pointee.output.release(to: server.outputPool)
    }

    private func isTooSlow(_ now: Int64, _ limits: ServerLimits) -> Bool {
        let isWaiting =
            phase != .handshaking && (blockedSinceMilliseconds != 0 || http2?.isWaitingForClient == true)
        return rate.isTooSlow(
            nowMilliseconds: now, sentBytes: sentBytes, isWaiting: isWaiting,
            // A little longer than the limit of a stall, which ends a stream alone.
            windowMilliseconds: limits.sendStallTimeoutMilliseconds + 2000,
            bytesPerSecond: limits.sendMinimumBytesPerSecond)
    }

    private func isSendStalled(_ now: Int64, _ limits: ServerLimits) -> Bool {
        blockedSinceMilliseconds != 0 && now - blockedSinceMilliseconds > limits.sendStallTimeoutMilliseconds
    }

    private func isHeadLate(_ now: Int64, _ limits: ServerLimits) -> Bool {
        if let since = http1?.contentStartedMilliseconds { return now - since > limits.contentTimeoutMilliseconds }
        // A preface that is not complete is a head that is not complete.
        if preface != nil {
            return prefaceStartedMilliseconds != 0
                && now - prefaceStartedMilliseconds > limits.headerTimeoutMilliseconds
        }
        guard let since = http1?.headStartedMilliseconds ?? http2?.headStartedMilliseconds else { return false }
        return now - since > limits.headerTimeoutMilliseconds
    }

    /// No request in work and nothing left to send.
    var isIdle: Bool {
        guard writer.pointee.output.count == 0 else { return false }
        if let http2 { return http2.isIdle }
        return http1?.isIdle ?? true
    }

    /// The server stops: finish what is in flight, start nothing new.
    func drain() {
        if phase == .handshaking {
            close()
        } else {
            // A request that came with the connection may still be unread: closing over it would reset the connection.
            if preface != nil { receive() }
            finishInOrder()
        }
    }

    /// The connection is old enough; the client opens another.
    private func retire() {
        if let http2 {
            http2.retire()
        } else if let http1, http1.keepsAlive {
            server.counters.connectionsRetired.add()
            finishInOrder()
        }
    }

    private func finishInOrder() {
        http2?.beginDrain()
        http1?.keepsAlive = false
        if preface != nil || http1?.isIdle == true {
            closeAfterOutput()
        } else {
            server.loop.schedule(self)
        }
    }

    /// Lets the output go out, then closes.
    func closeAfterOutput() {
        guard phase == .open else { return }
        phase = .closing
        server.loop.schedule(self)
    }

    /// Ends the connection now; exchanges in work are reported as cut off.
    func close() {
        guard phase != .closed else { return }
        phase = .closed
        http2?.end()
        http1?.end()
        http2 = nil
        http1 = nil
        handlerState = nil
        // Nothing of this connection may go out on another.
        server.staging.pointee.count = 0
        server.counters.connectionsOpen.add(-1)
        address?.leave()
        server.loop.removeAndClose(self)
    }
}
