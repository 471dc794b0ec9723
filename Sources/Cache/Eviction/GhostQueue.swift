// SPDX-License-Identifier: Apache-2.0

/// Remembers what has left, by fingerprint and size: first in, first out, within a limit of bytes that the elements took
/// and a limit of entries, so that small elements can not make the memory itself large (at most 64 bytes an entry).
///
/// Two elements with the same 64-bit fingerprint are taken for one; nothing but the choice of a victim hangs on it.
public struct GhostQueue: Sendable {
    private struct Entry {
        let fingerprint: UInt64
        let bytes: Int
    }

    private let bytesMax: Int
    private let entriesMax: Int
    /// A ring, the oldest at `first`. It grows to `entriesMax` and no further.
    private var entries: [Entry] = []
    private var first = 0
    private var entryCount = 0
    /// The number of each fingerprint's entry, counted from the first ever; an entry that is not named here was taken.
    private var numbers: [UInt64: Int] = [:]
    private var firstNumber = 0
    /// The bytes of what is remembered.
    public private(set) var bytes = 0

    public init(bytesMax: Int, entriesMax: Int) {
        self.bytesMax = bytesMax
        self.entriesMax = max(1, entriesMax)
    }

    /// What is remembered.
    public var count: Int { numbers.count }

    public func contains(_ fingerprint: UInt64) -> Bool { numbers[fingerprint] != nil }

    /// Remembers an element; the oldest are forgotten when it is too much.
    public mutating func insert(_ fingerprint: UInt64, bytes: Int) {
        take(fingerprint)
        if entryCount == entriesMax { dropOldest() }
        push(Entry(fingerprint: fingerprint, bytes: bytes))
        self.bytes += bytes
        while self.bytes > bytesMax { dropOldest() }
    }

    /// Forgets an element; whether it was remembered.
    @discardableResult
    public mutating func take(_ fingerprint: UInt64) -> Bool {
        guard let number = numbers.removeValue(forKey: fingerprint) else { return false }
        bytes -= entries[(first + number - firstNumber) % entries.count].bytes
        return true
    }

    private mutating func push(_ entry: Entry) {
        if entryCount == entries.count { grow() }
        entries[(first + entryCount) % entries.count] = entry
        numbers[entry.fingerprint] = firstNumber + entryCount
        entryCount += 1
    }

    private mutating func grow() {
        let capacity = min(entriesMax, max(16, entries.count * 2))
        var grown = (0..<entryCount).map { entries[(first + $0) % entries.count] }
        grown += Array(repeating: Entry(fingerprint: 0, bytes: 0), count: capacity - entryCount)
        entries = grown
        first = 0
    }

    private mutating func dropOldest() {
        let oldest = entries[first]
        if numbers[oldest.fingerprint] == firstNumber {
            numbers[oldest.fingerprint] = nil
            bytes -= oldest.bytes
        }
        first = (first + 1) % entries.count
        firstNumber += 1
        entryCount -= 1
    }
}
