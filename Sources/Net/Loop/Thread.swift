// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A closure that is handed from the thread that made it to the one that runs it.
///
/// `@unchecked Sendable` because the closure is run once, by the new thread, after `pthread_create` has
/// ordered the two; the maker does not keep it.
private final class ThreadStart: @unchecked Sendable {
    let name: String
    let body: () -> Void

    init(name: String, _ body: @escaping () -> Void) {
        self.name = name
        self.body = body
    }
}

/// A started thread, to be joined.
public struct StartedThread: Sendable {
    private let identifier: UInt

    fileprivate init(_ identifier: pthread_t) {
        self.identifier = UInt(identifier)
    }

    /// Waits for the thread's end.
    public func join() {
        pthread_join(pthread_t(identifier), nil)
    }
}

/// Starts a thread that runs `body`; what the closure captures belongs to that thread from now on.
/// Throws `SocketError` when the system has no thread left.
public func startThread(name: String, _ body: sending @escaping () -> Void) throws -> StartedThread {
    var thread = pthread_t()
    let start = Unmanaged.passRetained(ThreadStart(name: name, body))
    let result = pthread_create(&thread, nil, runThread, start.toOpaque())
    guard result == 0 else {
        start.release()
        throw SocketError(operation: "pthread_create", code: result)
    }
    return StartedThread(thread)
}

private let runThread: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
    if let argument {
        let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
        // Linux allows 15 characters.
        spw_name_thread(String(start.name.prefix(15)))
        start.body()
    }
    return nil
}
