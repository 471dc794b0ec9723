// SPDX-License-Identifier: Apache-2.0
//
// The child's end of the pipe to its parent, one for the process, used by all of its threads. The lock keeps a file's
// bytes behind the line that announces them; it is held while the parent is slow, and the threads then wait as they
// would for a slow disk.

import FoundationEssentials
import Glibc
import Synchronization

/// What a media child says and hands over to its parent; see `ChildMessage`.
final class ChildOutput: Sendable {
    private let descriptor: Mutex<Int32>

    init(descriptor: Int32) {
        self.descriptor = Mutex(descriptor)
    }

    /// Writes one line, and behind it the bytes of a file.
    func say(_ message: ChildMessage, bytes: [UInt8] = []) throws(MediaError) {
        guard var line = try? JSONEncoder().encode(message) else { throw MediaError.failed("a message is not JSON") }
        line.append(UInt8(ascii: "\n"))
        let head = [UInt8](line)
        let isWritten = descriptor.withLock { Self.write(head, to: $0) && Self.write(bytes, to: $0) }
        // A parent that no longer reads is gone, and this process with it.
        guard isWritten else { throw MediaError.failed("the parent does not read") }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { all in
                Glibc.write(descriptor, all.baseAddress.map { $0 + sent }, all.count - sent)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}
