// SPDX-License-Identifier: Apache-2.0

/// How a disk tier is to be kept.
struct DiskTierSettings: Sendable {
    /// The least budget: below it a database has no room beside its own trees.
    static let budgetBytesMin = 16 << 20

    /// LMDB has a table of readers; ours have places for others beside them.
    static let readersMax = 32

    /// Made where it is missing; belongs to one process at a time.
    var folder: String
    /// The most that the database file may become, in bytes; all that LMDB needs beside the objects is within.
    var budgetBytes: Int
    /// Threads that read, 1 to `readersMax`.
    var readers = 2
    /// The most bytes of bodies and heads that may wait to be written; what is more is refused.
    var writeQueueBytesMax = 64 << 20
    /// The most reads that may wait; what is more is refused.
    var readQueueMax = 1024
}
