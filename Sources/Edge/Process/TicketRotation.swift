// SPDX-License-Identifier: Apache-2.0

import Base
import Glibc
import Net

/// Sees to it that ticket keys are replaced in time: random ones by the clock, those of a file when the file changes.
/// Belongs to the main thread.
struct TicketRotation {
    /// What tells one state of a file from another.
    private struct FileState: Equatable {
        var inode: UInt
        var size: Int
        var seconds: Int
        var nanoseconds: Int

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            inode = UInt(status.st_ino)
            size = Int(status.st_size)
            seconds = status.st_mtim.tv_sec
            nanoseconds = status.st_mtim.tv_nsec
        }
    }

    private static let fileCheckMilliseconds: Int64 = 10_000

    private let keys: TicketKeys
    private let file: String?
    private let periodMilliseconds: Int64
    private var sinceMilliseconds: Int64
    private var fileState: FileState?

    /// Rotates `keys` as `tls` says; `now` is when they were made or read.
    init(_ tls: EdgeConfiguration.TLS, keys: TicketKeys, now: Int64) {
        self.keys = keys
        file = tls.usesTickets ? tls.ticketKeysFile : nil
        let rotation = Int64(tls.ticketRotateMinutes) * 60_000
        periodMilliseconds = file == nil ? rotation : Self.fileCheckMilliseconds
        sinceMilliseconds = now
        fileState = file.flatMap { FileState($0) }
    }

    /// True when the keys in force come from a file.
    var usesFile: Bool { file != nil }

    /// Goes on with the clock of random keys that were in force before a reload.
    mutating func resume(_ earlier: TicketRotation) {
        guard !usesFile, !earlier.usesFile else { return }
        sinceMilliseconds = earlier.sinceMilliseconds
    }

    /// Call now and then.
    mutating func turn(now: Int64) {
        guard now - sinceMilliseconds >= periodMilliseconds else { return }
        sinceMilliseconds = now
        do {
            guard let file else {
                try keys.rotate()
                return Log.info("The ticket key was rotated")
            }
            let state = FileState(file)
            guard state != fileState else { return }
            // Remembered before it is read: a change in between is seen the next time. A bad file is reported once.
            fileState = state
            keys.replace(with: try TicketKeys(file: file))
            Log.info("The ticket keys were read again", ["file": file])
        } catch {
            Log.error("The ticket keys stay as they are", ["reason": "\(error)"])
        }
    }
}
