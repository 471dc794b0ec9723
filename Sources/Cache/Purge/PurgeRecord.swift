// SPDX-License-Identifier: Apache-2.0

/// A ledger as bytes: a line that names the format, a record that says where it starts, and one record for each purge.
///
/// A record has 32 bytes, numbers little-endian: generation (8), hash (8), length of a prefix (4), kind (1), 1 for soft
/// (1), zero (6), and the CRC-32 of the 28 bytes before it (4). Kind 0 is the start: its generation is the current one,
/// its hash the floor.
public enum PurgeRecord {
    public static let byteCount = 32
    public static let heading = Array("spillway-purge1\n".utf8)

    /// What a journal's bytes come to.
    public struct Reading: Sendable {
        public var ledger: PurgeLedger
        /// Bytes that are good; what follows was being written when the process or the machine ended.
        public var goodBytes: Int
        /// A record in the middle is wrong: purges are lost, and everything has to be forgotten.
        public var isDamaged: Bool
    }

    /// The records of purges that follow each other, from `firstGeneration` on.
    public static func encode(_ rules: [PurgeRule], firstGeneration: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rules.count * byteCount)
        for (index, rule) in rules.enumerated() { append(rule, firstGeneration + UInt64(index), to: &bytes) }
        return bytes
    }

    /// A whole journal with what the ledger keeps.
    public static func encode(_ ledger: PurgeLedger) -> [UInt8] {
        let entries = ledger.entries
        var bytes = heading
        bytes.reserveCapacity(heading.count + (entries.count + 2) * byteCount)
        append(ledger.floor, ledger.floor, 0, 0, 0, to: &bytes)
        for entry in entries { append(entry.rule, entry.generation, to: &bytes) }
        // Last, because purges that were replaced have used up generations too.
        append(ledger.current, ledger.floor, 0, 0, 0, to: &bytes)
        return bytes
    }

    /// Reads a journal. Nil when it is none: it does not begin as one.
    public static func decode(_ bytes: [UInt8], rulesMax: Int) -> Reading? {
        guard bytes.starts(with: heading), bytes.count >= heading.count + byteCount else { return nil }
        var offset = heading.count
        guard let start = fields(bytes, offset), start.kind == 0 else { return nil }
        var ledger = PurgeLedger(current: start.generation, floor: start.hash, rulesMax: rulesMax)
        offset += byteCount
        while offset + byteCount <= bytes.count {
            guard let record = fields(bytes, offset), take(record, into: &ledger) else { break }
            offset += byteCount
        }
        // Blocks that the file was given and that were never written are zero.
        let isDamaged = bytes.count - offset >= byteCount && !bytes[offset...].allSatisfy { $0 == 0 }
        return Reading(ledger: ledger, goodBytes: offset, isDamaged: isDamaged)
    }

    private struct Fields {
        var generation: UInt64
        var hash: UInt64
        var prefixBytes: Int
        var kind: UInt8
        var isSoft: Bool
    }

    private static func take(_ record: Fields, into ledger: inout PurgeLedger) -> Bool {
        guard record.kind != 0 else {
            guard record.generation >= ledger.current else { return false }
            ledger.advance(to: record.generation)
            return true
        }
        guard let kind = PurgeKind(rawValue: record.kind), record.prefixBytes <= PurgeRule.valueBytesMax else {
            return false
        }
        let name = PurgeRule.Name(kind: kind, hash: record.hash, prefixBytes: record.prefixBytes)
        return ledger.restore(
            PurgeLedger.Entry(generation: record.generation, rule: PurgeRule(name: name, isSoft: record.isSoft)))
    }

    private static func append(_ rule: PurgeRule, _ generation: UInt64, to bytes: inout [UInt8]) {
        append(
            generation, rule.name.hash, rule.name.prefixBytes, rule.kind.rawValue, rule.isSoft ? 1 : 0, to: &bytes)
    }

    private static func append(
        _ generation: UInt64, _ hash: UInt64, _ prefixBytes: Int, _ kind: UInt8, _ soft: UInt8, to bytes: inout [UInt8]
    ) {
        let start = bytes.count
        append(generation, 8, to: &bytes)
        append(hash, 8, to: &bytes)
        append(UInt64(prefixBytes), 4, to: &bytes)
        bytes.append(kind)
        bytes.append(soft)
        append(0, 6, to: &bytes)
        append(UInt64(CRC32.of(bytes[start...])), 4, to: &bytes)
    }

    private static func append(_ number: UInt64, _ width: Int, to bytes: inout [UInt8]) {
        for index in 0..<width { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(index * 8))) }
    }

    /// The record at `offset`, where a whole one must be; nil when its checksum is wrong.
    private static func fields(_ bytes: [UInt8], _ offset: Int) -> Fields? {
        func number(_ place: Int, _ width: Int) -> UInt64 {
            (0..<width).reduce(0) { $0 | UInt64(bytes[offset + place + $1]) << UInt64($1 * 8) }
        }
        guard CRC32.of(bytes[offset..<offset + 28]) == UInt32(number(28, 4)) else { return nil }
        let record = Fields(
            generation: number(0, 8), hash: number(8, 8), prefixBytes: Int(number(16, 4)), kind: bytes[offset + 20],
            isSoft: bytes[offset + 21] == 1)
        // Room for the generations of a long life: adding to them can not overflow.
        guard record.generation < 1 << 62, record.kind != 0 || record.hash <= record.generation else { return nil }
        return record
    }
}

/// The checksum of IEEE 802.3, section 3.2.9.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    static func of(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
    }
}
