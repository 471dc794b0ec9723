// SPDX-License-Identifier: Apache-2.0
//
// The file that keeps purges over a restart. A purge is appended and synchronised before anyone hears that it is done,
// so it survives `kill -9` and the loss of power. Owned by PurgeState, which calls it under its lock; the descriptor is
// closed with it. One process at a time: the file is locked.

import Base
import CLinux
import Cache
import Glibc

/// `purges.journal` in the cache's folder: see `PurgeRecord` for what is in it.
struct PurgeJournal: ~Copyable {
    static let fileName = "purges.journal"
    /// Below this the file is never written anew.
    private static let compactBytesMin = 1 << 20

    private let folder: String
    private var descriptor: Int32
    /// Bytes of the file that are good; what is behind them goes before the next append.
    private var bytes: Int
    /// The size at which the file is written anew.
    private var compactBytes: Int

    private var path: String { folder + "/" + Self.fileName }

    /// Opens the journal in `folder`, which is made when it is missing, and reads the ledger from it. A file that is no
    /// journal is set aside, and what it may have known is taken as purged; so is everything when the file is damaged.
    /// Throws `SystemError`.
    static func open(folder: String, rulesMax: Int, into ledger: inout PurgeLedger) throws -> PurgeJournal {
        try makeFolders(folder)
        let path = folder + "/" + fileName
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemError("open \(path)", code: errno) }
        var journal = PurgeJournal(folder: folder, descriptor: descriptor)
        try lock(descriptor, path)
        try journal.load(rulesMax, into: &ledger)
        return journal
    }

    private init(folder: String, descriptor: Int32) {
        self.folder = folder
        self.descriptor = descriptor
        bytes = 0
        compactBytes = Self.compactBytesMin
    }

    deinit {
        close(descriptor)
    }

    private static func lock(_ descriptor: Int32, _ path: String) throws {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw SystemError("lock \(path)", code: errno) }
    }

    private mutating func load(_ rulesMax: Int, into ledger: inout PurgeLedger) throws {
        let content = try readFile(path)
        guard let reading = PurgeRecord.decode(content, rulesMax: rulesMax) else {
            if !content.isEmpty {
                let aside = path + ".foreign"
                guard rename(path, aside) == 0 else { throw SystemError("rename \(path)", code: errno) }
                Log.warning(
                    "The purge journal is none; it is set aside, and all that is cached counts as purged",
                    ["file": aside])
            }
            return try rewrite(ledger)
        }
        if reading.isDamaged {
            // `ledger` is a new one, whose generation is beyond any that was given out.
            let fresh = ledger.current
            ledger = reading.ledger
            ledger.forgetEverything(from: fresh)
            Log.warning("The purge journal is damaged; all that is cached counts as purged", ["file": path])
            return try rewrite(ledger)
        }
        ledger = reading.ledger
        bytes = reading.goodBytes
        compactBytes = max(Self.compactBytesMin, 2 * PurgeRecord.encode(ledger).count)
        if reading.goodBytes < content.count {
            Log.warning("A purge that was being written when the node ended is left out", ["file": path])
            guard ftruncate(descriptor, bytes) == 0, fdatasync(descriptor) == 0 else {
                throw SystemError("truncate \(path)", code: errno)
            }
        }
    }

    /// Appends purges and waits until they are on disk. Throws `SystemError`: then none of them is kept.
    mutating func append(_ rules: [PurgeRule], firstGeneration: UInt64) throws {
        let records = PurgeRecord.encode(rules, firstGeneration: firstGeneration)
        // What an append that failed has left is not to stand between good records.
        guard ftruncate(descriptor, bytes) == 0, lseek(descriptor, bytes, SEEK_SET) == bytes else {
            throw SystemError("truncate \(path)", code: errno)
        }
        try Self.write(records, to: descriptor, path)
        bytes += records.count
    }

    /// True when the file is far larger than what it has to keep.
    var isDue: Bool { bytes >= compactBytes }

    /// Puts a file with what the ledger keeps in the place of the journal. Throws `SystemError`: then the old one stays.
    mutating func rewrite(_ ledger: PurgeLedger) throws {
        let content = PurgeRecord.encode(ledger)
        // Tried again after as much growth, whatever happens.
        compactBytes = max(Self.compactBytesMin, 2 * max(content.count, bytes))
        let new = path + ".new"
        let created = Glibc.open(new, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard created >= 0 else { throw SystemError("open \(new)", code: errno) }
        do {
            try Self.lock(created, new)
            try Self.write(content, to: created, new)
            guard rename(new, path) == 0 else { throw SystemError("rename \(new)", code: errno) }
        } catch {
            close(created)
            throw error
        }
        close(descriptor)
        descriptor = created
        bytes = content.count
        compactBytes = max(Self.compactBytesMin, 2 * content.count)
        try Self.synchronize(folder: folder)
    }

    private static func write(_ content: [UInt8], to descriptor: Int32, _ path: String) throws {
        var written = 0
        while written < content.count {
            let count = content[written...].withUnsafeBytes { spw_append(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw SystemError("write \(path)", code: Int32(-count)) }
            written += count
        }
        guard fdatasync(descriptor) == 0 else { throw SystemError("fdatasync \(path)", code: errno) }
    }

    /// Without it a rename may be lost with the power.
    private static func synchronize(folder: String) throws {
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("open \(folder)", code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SystemError("fsync \(folder)", code: errno) }
    }
}
