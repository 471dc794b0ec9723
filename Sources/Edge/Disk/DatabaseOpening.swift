// SPDX-License-Identifier: Apache-2.0

import Base
import CLMDB

/// Opens a tier's database, and sets it aside when its contents can not be used.
struct DatabaseOpening {
    let folder: DatabaseFolder
    let budgetBytes: Int

    struct Opened: ~Copyable {
        let database: DiskDatabase
        let index: DiskIndex
        let writer: DiskWriter
        /// How many databases were set aside: 0 or 1.
        let setAside: Int
    }

    func open(queue: DiskWriteQueue, counters: DiskWriterCounters) throws -> sending Opened {
        var setAside = 0
        switch try DatabasePreflight.look(at: folder.database) {
        case .new: break
        case .unusable(let reason):
            try folder.setAside(because: reason)
            setAside = 1
        case .usable(let file) where file.usedBytes > budgetBytes:
            try folder.removeDatabase(because: "it uses \(file.usedBytes) bytes, and the budget is \(budgetBytes) now")
        case .usable: break
        }
        do {
            return try open(queue: queue, counters: counters, setAside: setAside)
        } catch let error as DatabaseError where error.code < 0 && setAside == 0 {
            // LMDB's own numbers are about the contents; those of the system are about the machine, and the file may be good.
            try folder.setAside(because: error.description)
            return try open(queue: queue, counters: counters, setAside: 1)
        }
    }

    private func open(
        queue: DiskWriteQueue, counters: DiskWriterCounters, setAside: Int
    ) throws -> sending Opened {
        folder.removeReaderTable()
        let database = try DiskDatabase(folder, budgetBytes: budgetBytes)
        folder.sync()
        let index = DiskIndex(pageBytes: database.pageBytes)
        let writer = try DiskWriter(database: database, index: index, queue: queue, counters: counters)
        return Opened(database: database, index: index, writer: writer, setAside: setAside)
    }
}
