// SPDX-License-Identifier: Apache-2.0

import Base
import CLinux
import Glibc

/// A log file that is open for appending, shared by the workers; closed with the last reference.
final class LogFile: Sendable {
    let descriptor: Int32

    /// Opens or makes the file. Throws `SystemError` when that is not possible.
    init(path: String) throws {
        descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw SystemError("open \(path)", code: errno) }
    }

    deinit {
        _ = spw_close(descriptor)
    }
}
