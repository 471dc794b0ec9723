// SPDX-License-Identifier: Apache-2.0
//
// One transaction. Belongs to the thread that works with it; a writing one ends by `commit` or `abort`, a reading one is
// parked by `park` and renewed by `renew`, which costs no allocation, and ends with its object.

import CLMDB
import Glibc

/// A transaction of LMDB over the disk tier's trees.
final class DatabaseTransaction {
    private var transaction: OpaquePointer?
    /// Kept, so that the environment is closed after its transactions.
    private let database: DiskDatabase
    private var handles: [MDB_dbi] { database.handles }

    init(_ database: DiskDatabase, _ environment: OpaquePointer, isWriting: Bool) throws(DatabaseError) {
        self.database = database
        let flags = isWriting ? 0 : UInt32(MDB_RDONLY)
        try DatabaseError.check(mdb_txn_begin(environment, nil, flags, &transaction), "mdb_txn_begin")
    }

    deinit {
        if let transaction { mdb_txn_abort(transaction) }
    }

    /// Makes the changes durable. When that fails nothing of them is kept.
    func commit() throws(DatabaseError) {
        guard let ended = transaction else { return }
        transaction = nil
        try DatabaseError.check(mdb_txn_commit(ended), "mdb_txn_commit")
    }

    func abort() {
        if let transaction { mdb_txn_abort(transaction) }
        transaction = nil
    }

    /// Lets a reading transaction's snapshot go.
    func park() {
        if let transaction { mdb_txn_reset(transaction) }
    }

    /// Takes a new snapshot after `park`.
    func renew() throws(DatabaseError) {
        try DatabaseError.check(mdb_txn_renew(transaction), "mdb_txn_renew")
    }

    /// A value, valid until the next change or the end of the transaction; nil when there is none.
    func get(_ tree: DiskDatabase.Tree, _ key: [UInt8]) throws(DatabaseError) -> UnsafeRawBufferPointer? {
        try Self.get(transaction, handles[tree.rawValue], key)
    }

    func put(_ tree: DiskDatabase.Tree, _ key: [UInt8], _ value: [UInt8]) throws(DatabaseError) {
        try Self.put(transaction, handles[tree.rawValue], key, value)
    }

    /// Room for a value, to be filled before the next change.
    func reserve(
        _ tree: DiskDatabase.Tree, _ key: [UInt8], byteCount: Int
    ) throws(DatabaseError) -> UnsafeMutableRawBufferPointer {
        var data = MDB_val(mv_size: byteCount, mv_data: nil)
        let code = Self.withValue(key) { name in
            mdb_put(transaction, handles[tree.rawValue], &name, &data, UInt32(MDB_RESERVE))
        }
        try DatabaseError.check(code, "mdb_put")
        return UnsafeMutableRawBufferPointer(start: data.mv_data, count: byteCount)
    }

    /// Deletes a value; returns whether there was one.
    @discardableResult
    func delete(_ tree: DiskDatabase.Tree, _ key: [UInt8]) throws(DatabaseError) -> Bool {
        let code = Self.withValue(key) { mdb_del(transaction, handles[tree.rawValue], &$0, nil) }
        if code == MDB_NOTFOUND { return false }
        try DatabaseError.check(code, "mdb_del")
        return true
    }

    /// Deletes all slices that were stored under a sequence number.
    func deleteSlices(sequence: UInt64) throws(DatabaseError) {
        var opened: OpaquePointer?
        let handle = handles[DiskDatabase.Tree.slices.rawValue]
        try DatabaseError.check(mdb_cursor_open(transaction, handle, &opened), "mdb_cursor_open")
        guard let cursor = opened else { return }
        defer { mdb_cursor_close(cursor) }
        let first = DiskSlice.key(sequence: sequence, index: 0)
        let sequenceBytes = first.prefix(8)
        while true {
            var found = MDB_val()
            var data = MDB_val()
            let code = Self.withValue(first) { name in
                found = name
                return mdb_cursor_get(cursor, &found, &data, MDB_SET_RANGE)
            }
            if code == MDB_NOTFOUND { return }
            try DatabaseError.check(code, "mdb_cursor_get")
            let key = UnsafeRawBufferPointer(start: found.mv_data, count: found.mv_size)
            guard key.starts(with: sequenceBytes) else { return }
            try DatabaseError.check(mdb_cursor_del(cursor, 0), "mdb_cursor_del")
        }
    }

    /// Visits all values of a tree in the order of their keys.
    func forEach(
        _ tree: DiskDatabase.Tree, _ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) throws(DatabaseError) {
        var opened: OpaquePointer?
        try DatabaseError.check(mdb_cursor_open(transaction, handles[tree.rawValue], &opened), "mdb_cursor_open")
        guard let cursor = opened else { return }
        defer { mdb_cursor_close(cursor) }
        var key = MDB_val()
        var data = MDB_val()
        while true {
            let code = mdb_cursor_get(cursor, &key, &data, MDB_NEXT)
            if code == MDB_NOTFOUND { return }
            try DatabaseError.check(code, "mdb_cursor_get")
            visit(
                UnsafeRawBufferPointer(start: key.mv_data, count: key.mv_size),
                UnsafeRawBufferPointer(start: data.mv_data, count: data.mv_size))
        }
    }

    /// The pages that hold something now: the trees', those of the list of free pages, and the two meta pages.
    func usedPages() throws(DatabaseError) -> Int {
        var pages = 2
        // 0 and 1 are LMDB's own: the list of free pages, and the tree of the trees.
        for handle in [0, 1] + handles {
            var statistics = MDB_stat()
            try DatabaseError.check(mdb_stat(transaction, handle, &statistics), "mdb_stat")
            pages += statistics.ms_branch_pages + statistics.ms_leaf_pages + statistics.ms_overflow_pages
        }
        return pages
    }

    // MARK: Single calls

    static func get(
        _ transaction: OpaquePointer?, _ handle: MDB_dbi, _ key: [UInt8]
    ) throws(DatabaseError) -> UnsafeRawBufferPointer? {
        var data = MDB_val()
        let code = withValue(key) { mdb_get(transaction, handle, &$0, &data) }
        if code == MDB_NOTFOUND { return nil }
        try DatabaseError.check(code, "mdb_get")
        return UnsafeRawBufferPointer(start: data.mv_data, count: data.mv_size)
    }

    static func put(
        _ transaction: OpaquePointer?, _ handle: MDB_dbi, _ key: [UInt8], _ value: [UInt8]
    ) throws(DatabaseError) {
        let code = withValue(key) { name in
            withValue(value) { mdb_put(transaction, handle, &name, &$0, 0) }
        }
        try DatabaseError.check(code, "mdb_put")
    }

    /// LMDB does not write to keys and values that it is given to look up or to copy.
    private static func withValue(_ bytes: [UInt8], _ body: (inout MDB_val) -> Int32) -> Int32 {
        bytes.withUnsafeBytes { raw in
            var value = MDB_val(mv_size: raw.count, mv_data: UnsafeMutableRawPointer(mutating: raw.baseAddress))
            return body(&value)
        }
    }
}
