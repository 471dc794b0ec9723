// SPDX-License-Identifier: Apache-2.0
//
// One edge-triggered epoll loop. Everything it holds belongs to the thread that calls `run()`; other
// threads reach it only through its mailbox. Sources are kept by descriptor with a generation number, so
// an event that was queued for a closed connection can not reach the next owner of the same descriptor.

import Base
import CLinux
import Glibc

/// A failed socket or epoll call at start-up.
public struct SocketError: Error, Sendable, CustomStringConvertible {
    public var operation: String
    /// A positive errno.
    public var code: Int32

    public var description: String { SystemError(operation, code: code).description }
}

/// An event loop of one thread. See the head of the file for who owns what.
public final class EventLoop {
    private struct Slot {
        var source: EventSource?
        var generation: UInt32 = 0
    }

    private static let eventsPerTurn = 256
    private static let turnMilliseconds: Int64 = 100
    private static let sourceTickMilliseconds: Int64 = 1000
    private static let mailboxToken = UInt64.max

    /// Takes work from other threads.
    public let mailbox: Mailbox
    /// Monotonic milliseconds, read once a turn.
    public private(set) var now: Int64
    /// Wall-clock seconds, read once a turn; tokens are judged by it.
    public private(set) var wallSeconds: Int64
    /// Called about every 100 ms on the loop's thread.
    public var onTurn: (() -> Void)?

    private let epoll: Int32
    private var slots: [Slot] = []
    private var scheduled: [EventSource] = []
    private var running: [EventSource] = []
    private let events: UnsafeMutablePointer<spw_event>
    private var isStopping = false
    private var lastTurn: Int64
    private var lastSourceTick: Int64

    public init() throws {
        mailbox = try Mailbox()
        epoll = spw_epoll_create()
        guard epoll >= 0 else { throw SocketError(operation: "epoll_create1", code: -epoll) }
        events = .allocate(capacity: Self.eventsPerTurn)
        now = Clock.monotonicMilliseconds()
        wallSeconds = Clock.wallSeconds()
        lastTurn = now
        lastSourceTick = now
        let result = spw_epoll_add(epoll, mailbox.wakeDescriptor, SPW_EPOLLIN, Self.mailboxToken)
        guard result >= 0 else { throw SocketError(operation: "epoll_ctl", code: -result) }
    }

    deinit {
        events.deallocate()
        _ = spw_close(epoll)
    }

    /// Watches `source` for reading and writing, edge-triggered. False when the kernel refuses (out of memory or watches).
    public func add(_ source: EventSource) -> Bool {
        let index = Int(source.descriptor)
        while slots.count <= index { slots.append(Slot()) }
        precondition(slots[index].source == nil, "a descriptor has one owner")
        slots[index].generation &+= 1
        source.token = UInt64(slots[index].generation) << 32 | UInt64(index)
        let mask = SPW_EPOLLIN | SPW_EPOLLOUT | SPW_EPOLLRDHUP | SPW_EPOLLET
        guard spw_epoll_add(epoll, source.descriptor, mask, source.token) >= 0 else { return false }
        slots[index].source = source
        return true
    }

    /// Forgets `source` and closes its descriptor. Events already read for it are dropped.
    public func removeAndClose(_ source: EventSource) {
        let index = Int(source.descriptor)
        precondition(slots[index].source === source, "only a watched source is removed")
        slots[index].source = nil
        // Closing the only descriptor of a socket takes it out of the epoll set.
        _ = spw_close(source.descriptor)
    }

    /// Calls `source.runAgain()` at the end of this turn; once, however often it is asked.
    @inline(__always)
    public func schedule(_ source: EventSource) {
        guard !source.isScheduled else { return }
        source.isScheduled = true
        scheduled.append(source)
    }

    /// Every watched source, for a drain.
    public func forEachSource(_ body: (EventSource) -> Void) {
        for slot in slots {
            if let source = slot.source { body(source) }
        }
    }

    /// Runs until `stop()`.
    public func run() {
        while !isStopping {
            let timeout = scheduled.isEmpty ? Int32(Self.turnMilliseconds) : 0
            let count = spw_epoll_wait(epoll, events, Int32(Self.eventsPerTurn), timeout)
            if count < 0 { waitFailed(-count) }
            now = Clock.monotonicMilliseconds()
            wallSeconds = Clock.wallSeconds()
            for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
            runScheduled()
            if now - lastTurn >= Self.turnMilliseconds { turn() }
        }
    }

    /// Ends `run()` after the present turn; call on the loop's thread.
    public func stop() {
        isStopping = true
    }

    private func dispatch(_ event: spw_event) {
        guard event.token != Self.mailboxToken else { return runPosted() }
        let index = Int(event.token & 0xFFFF_FFFF)
        guard slots[index].generation == UInt32(event.token >> 32), let source = slots[index].source else { return }
        source.ready(event.events)
    }

    private func runPosted() {
        for work in mailbox.takeAll() { work() }
    }

    /// The kernel is out of something: what is ready stays ready, so the next turn finds it. A short pause, because that
    /// turn would come at once.
    private func waitFailed(_ error: Int32) {
        precondition(error != EBADF && error != EINVAL && error != EFAULT, "epoll_wait is called correctly")
        usleep(1000)
    }

    private func runScheduled() {
        guard !scheduled.isEmpty else { return }
        swap(&scheduled, &running)
        for source in running {
            source.isScheduled = false
            source.runAgain()
        }
        running.removeAll(keepingCapacity: true)
    }

    private func turn() {
        lastTurn = now
        // A wake-up that could not be signalled must not be lost for good.
        runPosted()
        onTurn?()
        guard now - lastSourceTick >= Self.sourceTickMilliseconds else { return }
        lastSourceTick = now
        for index in slots.indices { slots[index].source?.tick(now: now) }
    }
}
