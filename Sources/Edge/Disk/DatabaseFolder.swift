// SPDX-License-Identifier: Apache-2.0
//
// The folder of a disk tier, held by one process at a time through a lock on a file in it. Belongs to its tier; the lock
// ends with it, also when the process is killed.

import Base
import CLinux
import Glibc

/// The files of a disk tier: the database, LMDB's lock table, our lock, and a database that was set aside.
final class DatabaseFolder: Sendable {
    static let databaseName = "cache.mdb"
    private static let asideMark = ".set-aside-"

    let path: String
    private let lockDescriptor: Int32

    var database: String { path + "/" + Self.databaseName }

    /// Makes the folder where it is missing and locks it. Throws `DiskTierError.inUse` when another one holds it.
    init(_ path: String) throws {
        guard !path.isEmpty else { throw SystemError("open the cache's folder", code: ENOENT) }
        self.path = path
        try makeFolders(path)
        let file = path + "/cache.lock"
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError("open \(file)", code: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let holder = Self.holder(descriptor)
            close(descriptor)
            guard code == EWOULDBLOCK else { throw SystemError("lock \(file)", code: code) }
            throw DiskTierError.inUse(folder: path, process: holder)
        }
        lockDescriptor = descriptor
        // For whoever is refused; it need not be durable.
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    deinit {
        // A child that was forked meanwhile, and has not come to its own program yet, has the descriptor too.
        _ = flock(lockDescriptor, LOCK_UN)
        close(lockDescriptor)
    }

    /// The number of the process that holds the lock, as it has written it.
    private static func holder(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let digits = bytes.prefix(max(0, count)).prefix { $0 >= 0x30 && $0 <= 0x39 }
        return digits.isEmpty ? "unknown" : String(decoding: digits, as: UTF8.self)
    }

    /// Renames a database that can not be used, and removes what was set aside before: one copy is enough to look at,
    /// and more would fill the disk.
    func setAside(because reason: String) throws {
        let aside = Self.databaseName + Self.asideMark + String(Clock.wallSeconds())
        for name in names() where name.hasPrefix(Self.databaseName + Self.asideMark) { unlink(path + "/" + name) }
        guard rename(database, path + "/" + aside) == 0 else { throw SystemError("rename \(database)", code: errno) }
        Log.error(
            "the cache's database can not be used: it is set aside, and the disk tier starts empty",
            ["file": database, "reason": reason, "setAside": aside])
    }

    /// Deletes a database that is good, but too large to be kept.
    func removeDatabase(because reason: String) throws {
        guard unlink(database) == 0 else { throw SystemError("unlink \(database)", code: errno) }
        Log.warning("the disk tier starts empty", ["file": database, "reason": reason])
    }

    /// Makes the names of the files durable, which LMDB does not do.
    func sync() {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        close(descriptor)
    }

    /// LMDB's table of readers is of no use once its process is gone; a damaged one would keep us from opening.
    func removeReaderTable() {
        unlink(database + "-lock")
    }

    private func names() -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { start in
                start.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            names.append(name)
        }
        return names
    }
}
