// SPDX-License-Identifier: Apache-2.0

import CLMDB

/// Why a disk tier could not be opened.
enum DiskTierError: Error, Equatable, CustomStringConvertible {
    case inUse(folder: String, process: String)
    /// The budget is too small for a database, or larger than the file system's files can be.
    case budget(String)

    var description: String {
        switch self {
        case .inUse(let folder, let process): "\(folder) is in use by another edge (process \(process))"
        case .budget(let reason): reason
        }
    }
}

/// A failed call of LMDB.
struct DatabaseError: Error, Equatable, CustomStringConvertible {
    let operation: String
    /// A positive errno or one of LMDB's negative numbers.
    let code: Int32

    /// There is no free page, or no run of free pages that is long enough.
    var isFull: Bool { code == MDB_MAP_FULL || code == MDB_TXN_FULL }

    var description: String { "\(operation): \(String(cString: mdb_strerror(code)))" }

    /// Throws unless a call returned 0.
    static func check(_ code: Int32, _ operation: String) throws(DatabaseError) {
        if code != MDB_SUCCESS { throw DatabaseError(operation: operation, code: code) }
    }
}
