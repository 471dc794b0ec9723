// SPDX-License-Identifier: Apache-2.0
//
// The access log of one worker: lines gather in memory and are appended to the file with one write(2) a
// turn. All workers write to the same file, opened O_APPEND, so lines stay whole. A disk that is full or
// slow costs lines, never requests: what could not be written is dropped and counted.

import Base
import CLinux
import Net

/// One worker's end of the access log. Belongs to its thread.
final class AccessLog {
    private static let pendingBytesMax = 1 << 20

    let dropped = Counter()
    private var file: LogFile
    private var pending: [UInt8] = []

    init(_ file: LogFile) {
        self.file = file
        pending.reserveCapacity(65536)
    }

    deinit {
        flush()
    }

    /// Goes on in another file; what was gathered so far belongs to the one before.
    func move(to file: LogFile) {
        flush()
        self.file = file
    }

    /// Adds a line for a finished exchange. The path is the one without the token, which never enters a log.
    func append(_ exchange: Exchange, completed: Bool, nowMilliseconds: Int64) {
        guard pending.count < Self.pendingBytesMax else { return dropped.add() }
        let disposition = Disposition(rawValue: exchange.tag)?.name ?? ""
        let site = (exchange.owner as? Site).map { "\"site\":\(jsonString($0.name))," } ?? ""
        let path = String(decoding: exchange.loggedPath, as: UTF8.self)
        let wall = Clock.wallMilliseconds()
        let line =
            "{\"time\":\"\(formatTimestamp(seconds: wall / 1000, milliseconds: wall % 1000))\","
            + site + "\"client\":\"\(exchange.peerAddress())\",\"protocol\":\"\(exchange.protocolName)\","
            + "\"method\":\"\(exchange.method.name)\",\"path\":\(jsonString(path)),\"status\":\(exchange.status),"
            + "\"bytes\":\(exchange.bytesSent),\"cache\":\"\(disposition)\","
            + "\"milliseconds\":\(nowMilliseconds - exchange.startedMilliseconds),\"completed\":\(completed)}\n"
        pending.append(contentsOf: line.utf8)
        if pending.count >= 65536 { flush() }
    }

    func flush() {
        guard !pending.isEmpty else { return }
        let written = pending.withUnsafeBytes { bytes in
            spw_append(file.descriptor, bytes.baseAddress, bytes.count)
        }
        if written < 0 { dropped.add() }
        pending.removeAll(keepingCapacity: true)
    }
}
