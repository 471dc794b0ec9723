// SPDX-License-Identifier: Apache-2.0

import Base

/// What a disk tier counts. All but the gauges only grow.
struct DiskStatistics: Sendable, Equatable {
    /// Gauge: bytes of the file's pages that hold something.
    var usedBytes = 0
    /// Gauge: bytes that the file takes on the disk; pages that were freed are used again, not given back.
    var fileBytes = 0
    /// Gauge.
    var objects = 0
    var hits = 0
    var misses = 0
    var reads = 0
    var bytesRead = 0
    /// Reads that were refused because too many waited.
    var readRefusals = 0
    /// Objects or parts of them that were written.
    var writes = 0
    var bytesWritten = 0
    var commits = 0
    var evictions = 0
    /// Writes that were refused because too many bytes waited, or because the disk had failed a moment before.
    var writeRefusals = 0
    /// Writes that were given up later.
    var writesDropped = 0
    /// Failed calls of the database or the disk.
    var errors = 0
    var checksumFailures = 0
    /// Databases that could not be used, when the tier was opened.
    var setAside = 0
}

/// The counters that the writing thread owns.
struct DiskWriterCounters: Sendable {
    let usedBytes = Counter()
    let objects = Counter()
    let writes = Counter()
    let bytesWritten = Counter()
    let commits = Counter()
    let evictions = Counter()
    let dropped = Counter()
    let errors = Counter()
}

/// The counters that one reading thread owns.
struct DiskReaderCounters: Sendable {
    let reads = Counter()
    let bytesRead = Counter()
    let errors = Counter()
    let checksumFailures = Counter()
}
