// SPDX-License-Identifier: Apache-2.0

import Base
import Glibc

/// One JSON line for each delivered request, appended with a single write(2): lines never mix, and a log rotation
/// by copying and truncating is safe.
final class AccessLog: Sendable {
    private let descriptor: Int32

    /// Opens or makes the file. Throws a `SystemError`.
    init(path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemError("open \(path)", code: errno) }
    }

    deinit { close(descriptor) }

    func write(method: String, path: String, status: Int, bytes: Int64, range: String?) {
        let now = Clock.wallMilliseconds()
        let time = formatTimestamp(seconds: now / 1000, milliseconds: now % 1000)
        var line = "{\"time\":\"\(time)\",\"method\":\(jsonString(method)),\"path\":\(jsonString(path))"
        line += ",\"status\":\(status),\"bytes\":\(bytes),\"range\":\(range.map(jsonString) ?? "null")}\n"
        line.withUTF8 { text in
            // A full disk must not stop delivery.
            _ = Glibc.write(descriptor, text.baseAddress, text.count)
        }
    }
}
