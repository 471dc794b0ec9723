// SPDX-License-Identifier: Apache-2.0
//
// Where responses that depend on fields of their requests (RFC 9111 section 4.1) are on disk. Under the key itself is a
// record that says which fields, and under each variant's own key its response. What is invalidated is the record alone:
// variants are found only by the number in it, their epoch, and a new record has a new one.

import Cache

/// What is under a key whose responses have `Vary`, as it lies on disk.
struct DiskVaryRecord: Equatable {
    /// Not a `DiskHead`'s, whose place it takes.
    private static let layout: UInt32 = 0x5652_5901

    let rule: VaryRule
    let epoch: UInt64

    init(rule: VaryRule, epoch: UInt64) {
        self.rule = rule
        self.epoch = epoch
    }

    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 128)
        writer.append(Self.layout)
        writer.append(epoch)
        let names = Array(rule.names.joined(separator: [UInt8(ascii: ",")]))
        writer.append(UInt32(names.count))
        writer.append(names)
        return writer.bytes
    }

    /// Nil for anything but what `bytes` gives.
    init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard reader.number32() == Self.layout, let epoch = reader.number64(), let count = reader.number32(),
            let names = reader.piece(count), reader.isAtEnd, case .selecting(let rule) = VaryRule.parse([names])
        else { return nil }
        self.init(rule: rule, epoch: epoch)
    }

    /// What the variant's response is found by.
    func key(of variant: VariantKey, under key: CacheKey) -> [UInt8] {
        var writer = ByteWriter(capacity: key.bytes.count + variant.bytes.count + 9)
        writer.append(key.bytes)
        // No target has this byte.
        writer.append(CollectionOfOne(0))
        writer.append(epoch)
        writer.append(variant.bytes)
        return writer.bytes
    }
}

/// The records of keys that this process has seen or made.
struct DiskVariants {
    /// With more, all are forgotten: they are read from the disk again, or made anew.
    private static let recordsMax = 16_384

    private var records: [CacheKey: DiskVaryRecord] = [:]

    /// The record under which the key's responses are stored now; nil when none is known.
    func record(of key: CacheKey) -> DiskVaryRecord? { records[key] }

    /// The key's responses depend on these fields: the record to store them under, a new one where there is none.
    mutating func record(of key: CacheKey, rule: VaryRule) -> DiskVaryRecord {
        if let known = records[key], known.rule == rule { return known }
        let record = DiskVaryRecord(rule: rule, epoch: .random(in: 0 ... .max))
        set(record, of: key)
        return record
    }

    /// A record was read. Returns the one that is in force: what this process has made is newer.
    mutating func learn(_ record: DiskVaryRecord, of key: CacheKey) -> DiskVaryRecord {
        if let known = records[key] { return known }
        set(record, of: key)
        return record
    }

    /// The key's responses depend on no field any more, or are invalidated.
    mutating func forget(_ key: CacheKey) { records[key] = nil }

    private mutating func set(_ record: DiskVaryRecord, of key: CacheKey) {
        if records.count >= Self.recordsMax { records = [:] }
        records[key] = record
    }
}
