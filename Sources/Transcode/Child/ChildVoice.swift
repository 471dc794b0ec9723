// SPDX-License-Identifier: Apache-2.0

import Base
import FoundationEssentials
import Glibc
import Synchronization

/// Writes a child's messages to its standard output, one line of JSON each. Any thread may speak: the mutex keeps lines
/// whole.
final class ChildVoice: Sendable {
    /// Progress is told at most this often.
    private static let progressMilliseconds: Int64 = 250

    private struct Told {
        var progress: Int64 = 0
        var rungs: Int64 = 0
    }

    private let told = Mutex(Told())

    func say(_ message: ChildMessage) {
        told.withLock { told in
            switch message {
            case .progress: guard Self.isTime(&told.progress) else { return }
            case .rungs: guard Self.isTime(&told.rungs) else { return }
            default: break
            }
            guard var line = try? JSONEncoder().encode(message) else { return }
            line.append(UInt8(ascii: "\n"))
            Self.write(line)
        }
    }

    private static func isTime(_ last: inout Int64) -> Bool {
        let now = Clock.monotonicMilliseconds()
        guard now - last >= progressMilliseconds else { return false }
        last = now
        return true
    }

    private static func write(_ line: Data) {
        var sent = 0
        while sent < line.count {
            let count = line.withUnsafeBytes { bytes in
                Glibc.write(STDOUT_FILENO, bytes.baseAddress.map { $0 + sent }, bytes.count - sent)
            }
            if count < 0, errno == EINTR { continue }
            // A parent that no longer reads is gone, and this process with it.
            guard count > 0 else { return }
            sent += count
        }
    }
}
