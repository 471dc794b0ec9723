// SPDX-License-Identifier: Apache-2.0
//
// The LMDB environment of a disk tier. Opened by the thread that opens the tier, closed when the last reference is gone:
// the tier's threads hold one each, so no transaction is open then. One thread writes; each reading thread has a
// transaction of its own, which is not bound to the thread (MDB_NOTLS).

import Base
import CLMDB
import Glibc

/// The database file and its four trees.
///
/// `@unchecked Sendable` because LMDB's environment may be used by any thread and our fields never change after `init`.
final class DiskDatabase: @unchecked Sendable {
    /// Raise it when a record's layout changes: older files are set aside then.
    private static let formatVersion: UInt32 = 1
    private static let formatKey = Array("spillway-disk-tier".utf8)
    private static let floorKey = Array("sequence-floor".utf8)
    private static let formatBytes = 24
    private static let readersMax: UInt32 = 64

    enum Tree: Int {
        /// Names to small values: the format, and what others keep here.
        case meta
        /// Identifier to `DiskIndexRecord`.
        case index
        /// Identifier to `DiskObjectRecord`.
        case objects
        /// `DiskSlice.key` to a slice's bytes.
        case slices
    }

    private let environment: OpaquePointer
    let handles: [MDB_dbi]
    /// Held until the environment is closed.
    private let folder: DatabaseFolder
    /// Values are read with pread(2) from here: an error of the disk is an error then, and not a SIGBUS.
    let descriptor: Int32
    let pageBytes: Int
    /// How large the file may become, in pages.
    let mapPages: Int
    /// Where the file is mapped.
    private let mapStart: UInt
    let hasher: DiskKeyHasher
    /// Objects with a smaller sequence number were removed all at once.
    let sequenceFloor: UInt64

    /// Opens or makes the file. Throws `DatabaseError` when it is not a usable database of ours.
    init(_ folder: DatabaseFolder, budgetBytes: Int) throws {
        var made: OpaquePointer?
        try DatabaseError.check(mdb_env_create(&made), "mdb_env_create")
        guard let environment = made else { throw DatabaseError(operation: "mdb_env_create", code: ENOMEM) }
        do {
            try DatabaseError.check(mdb_env_set_mapsize(environment, budgetBytes), "mdb_env_set_mapsize")
            try DatabaseError.check(mdb_env_set_maxdbs(environment, 4), "mdb_env_set_maxdbs")
            try DatabaseError.check(mdb_env_set_maxreaders(environment, Self.readersMax), "mdb_env_set_maxreaders")
            let flags = UInt32(MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD)
            try DatabaseError.check(mdb_env_open(environment, folder.database, flags, 0o600), "mdb_env_open")
            var dead: Int32 = 0
            try DatabaseError.check(mdb_reader_check(environment, &dead), "mdb_reader_check")
            var descriptor: Int32 = -1
            try DatabaseError.check(mdb_env_get_fd(environment, &descriptor), "mdb_env_get_fd")
            try Self.extend(descriptor, to: budgetBytes)
            let trees = try Self.openTrees(environment)
            let format = try Self.readFormat(environment, trees[Tree.meta.rawValue])
            var statistics = MDB_stat()
            try DatabaseError.check(mdb_env_stat(environment, &statistics), "mdb_env_stat")
            self.environment = environment
            self.folder = folder
            self.descriptor = descriptor
            handles = trees
            pageBytes = Int(statistics.ms_psize)
            mapPages = budgetBytes / pageBytes
            mapStart = format.page - format.pageNumber * UInt(pageBytes)
            hasher = DiskKeyHasher(seeds: format.seeds)
            sequenceFloor = format.floor
        } catch {
            mdb_env_close(environment)
            throw error
        }
    }

    deinit {
        mdb_env_close(environment)
    }

    /// The file is as long as its budget from the start, with a hole where nothing was written yet. So it never ends
    /// before its last used page (LMDB does not write pages that were used and given up in one transaction), and a file
    /// that does was truncated by somebody.
    private static func extend(_ descriptor: Int32, to bytes: Int) throws {
        guard ftruncate(descriptor, bytes) == 0 else {
            throw DiskTierError.budget(
                "a file of \(bytes) bytes can not be made: \(SystemError("ftruncate", code: errno))")
        }
    }

    private static func openTrees(_ environment: OpaquePointer) throws -> [MDB_dbi] {
        var begun: OpaquePointer?
        try DatabaseError.check(mdb_txn_begin(environment, nil, 0, &begun), "mdb_txn_begin")
        guard let begun else { throw DatabaseError(operation: "mdb_txn_begin", code: ENOMEM) }
        do {
            let handles = try openTrees(in: begun)
            try DatabaseError.check(mdb_txn_commit(begun), "mdb_txn_commit")
            return handles
        } catch let error as DatabaseError where error.operation == "mdb_txn_commit" {
            throw error
        } catch {
            mdb_txn_abort(begun)
            throw error
        }
    }

    private static func openTrees(in transaction: OpaquePointer) throws -> [MDB_dbi] {
        var root: MDB_dbi = 0
        try DatabaseError.check(mdb_dbi_open(transaction, nil, 0, &root), "mdb_dbi_open")
        var statistics = MDB_stat()
        try DatabaseError.check(mdb_stat(transaction, root, &statistics), "mdb_stat")
        let isNew = statistics.ms_entries == 0
        let handles = try ["meta", "index", "objects", "slices"].map { name in
            var handle: MDB_dbi = 0
            let flags = isNew ? UInt32(MDB_CREATE) : 0
            try DatabaseError.check(mdb_dbi_open(transaction, name, flags, &handle), "mdb_dbi_open \(name)")
            return handle
        }
        if isNew {
            var format = ByteWriter(capacity: formatBytes)
            format.append(formatVersion)
            format.append(UInt32(DiskSlice.byteCount))
            format.append(UInt64.random(in: 1 ... .max))
            format.append(UInt64.random(in: 1 ... .max))
            try DatabaseTransaction.put(transaction, handles[Tree.meta.rawValue], formatKey, format.bytes)
        }
        return handles
    }

    private struct Format {
        var seeds: (UInt64, UInt64)
        var floor: UInt64
        /// The address and the number of the page that holds the format.
        var page: UInt
        var pageNumber: UInt
    }

    private static func readFormat(_ environment: OpaquePointer, _ meta: MDB_dbi) throws -> Format {
        var begun: OpaquePointer?
        try DatabaseError.check(mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &begun), "mdb_txn_begin")
        guard let begun else { throw DatabaseError(operation: "mdb_txn_begin", code: ENOMEM) }
        defer { mdb_txn_abort(begun) }
        guard let bytes = try DatabaseTransaction.get(begun, meta, formatKey), let start = bytes.baseAddress,
            bytes.count == formatBytes, bytes.littleEndian(at: 0) == formatVersion,
            bytes.littleEndian(at: 4) as UInt32 == UInt32(DiskSlice.byteCount)
        else { throw DatabaseError(operation: "this version's format", code: MDB_VERSION_MISMATCH) }
        var statistics = MDB_stat()
        try DatabaseError.check(mdb_env_stat(environment, &statistics), "mdb_env_stat")
        // A value as small as this lies in a leaf, and a page begins with its number.
        let page = UInt(bitPattern: start) & ~(UInt(statistics.ms_psize) - 1)
        let number = UnsafeRawPointer(bitPattern: page)?.load(as: UInt.self) ?? 0
        let seeds: (UInt64, UInt64) = (bytes.littleEndian(at: 8), bytes.littleEndian(at: 16))
        let floorBytes = try DatabaseTransaction.get(begun, meta, floorKey)
        let floor: UInt64 = floorBytes?.count == 8 ? floorBytes?.littleEndian(at: 0) ?? 0 : 0
        return Format(seeds: seeds, floor: floor, page: page, pageNumber: number)
    }

    // MARK: Use

    /// Begins the one writing transaction there can be.
    func beginWrite() throws(DatabaseError) -> DatabaseTransaction {
        try DatabaseTransaction(self, environment, isWriting: true)
    }

    /// Begins a reading transaction: what it sees does not change, and the pages it sees are not used again.
    func beginRead() throws(DatabaseError) -> DatabaseTransaction {
        try DatabaseTransaction(self, environment, isWriting: false)
    }

    func setSequenceFloor(_ floor: UInt64, _ transaction: DatabaseTransaction) throws(DatabaseError) {
        var writer = ByteWriter(capacity: 8)
        writer.append(floor)
        try transaction.put(.meta, Self.floorKey, writer.bytes)
    }

    /// The key of what others keep in the meta tree; apart from ours by its prefix.
    static func metaKey(_ name: String) -> [UInt8] { Array("value:".utf8) + Array(name.utf8.prefix(256)) }

    /// Copies a value that a transaction has found into `destination`, without touching its mapped pages.
    func copy(_ value: UnsafeRawBufferPointer, to destination: UnsafeMutableRawBufferPointer) throws(SystemError) {
        precondition(destination.count == value.count)
        guard let start = value.baseAddress, let target = destination.baseAddress else { return }
        let offset = Int(UInt(bitPattern: start) - mapStart)
        var done = 0
        while done < value.count {
            let count = pread(descriptor, target + done, value.count - done, offset + done)
            if count > 0 {
                done += count
            } else if count == 0 {
                throw SystemError("read the cache's database", code: EIO)
            } else if errno != EINTR {
                throw SystemError("read the cache's database", code: errno)
            }
        }
    }

    /// Asks the kernel to read a value in the background.
    func announce(_ value: UnsafeRawBufferPointer) {
        guard let start = value.baseAddress else { return }
        _ = posix_fadvise(descriptor, Int(UInt(bitPattern: start) - mapStart), value.count, POSIX_FADV_WILLNEED)
    }

    /// What the file takes on the disk, without its hole.
    var fileBytes: Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_blocks) * 512 : 0
    }
}
