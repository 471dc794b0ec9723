// SPDX-License-Identifier: Apache-2.0

/// Something with a descriptor that an `EventLoop` watches: a connection, a listener, a signal descriptor.
///
/// Lives on one loop's thread and is touched only there. The loop holds a strong reference from `add` to
/// `remove`; the subclass closes its descriptor after `remove`.
open class EventSource {
    /// The watched descriptor.
    public let descriptor: Int32
    /// Identifies this registration; a late event of an earlier owner of the same descriptor has another token.
    final var token: UInt64 = 0
    /// True while the source is in the loop's list of sources to run again.
    final var isScheduled = false

    public init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// The descriptor is ready; `events` is a mask of epoll bits. Edge-triggered: read and write until it would block.
    open func ready(_ events: UInt32) {}

    /// Runs at the end of the loop's turn after `EventLoop.schedule`.
    open func runAgain() {}

    /// Runs about once a second, for timeouts. `now` is monotonic milliseconds.
    open func tick(now: Int64) {}
}
