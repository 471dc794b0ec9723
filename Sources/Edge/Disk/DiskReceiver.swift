// SPDX-License-Identifier: Apache-2.0

/// Why a read ended early.
enum DiskReadError: Error, Equatable {
    /// Too many reads wait, or the tier is closing. Told by the thread that asked.
    case refused
    /// The object left, or another version took its place, while it was read.
    case replaced
    /// The bytes are not those that were stored; the object is removed.
    case damaged
    /// The disk or the database failed; the text says how.
    case failed(String)
    /// The receiver asked for the end.
    case stopped
}

/// Who takes what is read. Called by a reading thread, one call after another; must not wait for anything, since other reads
/// stand behind it. The last call is exactly one of `done`, `missing` and `failed`.
protocol DiskReceiver: AnyObject, Sendable {
    /// The first call when the object is there. `present` tells which slices will come, out of those asked for. False ends
    /// the read.
    func head(_ head: [UInt8], version: UInt64, length: Int, present: SliceSet) -> Bool
    /// Where the slice's bytes are to be put: memory of exactly `count` bytes saves a copy. Nil for a buffer of the tier's.
    /// After a failure the memory may hold anything.
    func destination(_ index: Int, count: Int) -> UnsafeMutableRawBufferPointer?
    /// The bytes of a slice, in the memory that `destination` gave, or else to be copied during the call. False ends the read.
    func slice(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> Bool
    /// All slices that were asked for and are there have been given.
    func done()
    /// There is no such object.
    func missing()
    func failed(_ error: DiskReadError)
}

extension DiskReceiver {
    func destination(_ index: Int, count: Int) -> UnsafeMutableRawBufferPointer? { nil }
}
