// SPDX-License-Identifier: Apache-2.0

import Base
import CLinux

/// SIGINT, SIGTERM and SIGHUP as events of a loop. Make it before any other thread is started: it blocks the
/// signals in the calling thread, and later threads inherit that.
public final class SignalSource: EventSource {
    /// Called on the loop's thread with the signal's number. What comes before it is set, or before the loop runs, waits.
    public var action: ((Int32) -> Void)?

    /// Throws when the kernel has no descriptor left.
    public init() throws {
        let descriptor = spw_signalfd()
        guard descriptor >= 0 else { throw SocketError(operation: "signalfd", code: -descriptor) }
        super.init(descriptor: descriptor)
    }

    public override func ready(_ events: UInt32) {
        while true {
            let signal = spw_signalfd_read(descriptor)
            guard signal > 0 else { return }
            action?(signal)
        }
    }
}
