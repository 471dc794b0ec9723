// SPDX-License-Identifier: Apache-2.0

import Cache
import Net
import Synchronization

/// A response's head as the disk tier keeps it. Times are wall times there, because the loop's clock begins anew with each
/// process. What is read back is checked as anything that comes from outside.
struct DiskHead {
    /// Another layout is not read.
    private static let layout: UInt32 = 1
    private static let fieldsMax = 1000
    /// No clock shows a later time; sums with it never overflow.
    private static let arrivalMax: UInt64 = 1 << 50

    var status: Int
    var fields: [FieldLine]
    var freshness: StoredFreshness
    /// When the response came, in milliseconds since 1970.
    var arrivalMilliseconds: Int64
    /// See `CachedObject.birth` and `judgedGeneration`.
    var birth: UInt64
    var judgedGeneration: UInt64
    var surrogateKeys: SurrogateKeys

    /// Nil for a response that is not to be kept.
    init?(_ object: CachedObject, head: ObjectHead, nowMilliseconds: Int64, wallMilliseconds: Int64) {
        guard let freshness = head.freshness else { return nil }
        status = head.status
        fields = head.stored
        self.freshness = freshness
        arrivalMilliseconds = wallMilliseconds - (nowMilliseconds - head.storedMilliseconds)
        birth = object.birth
        judgedGeneration = object.judgedGeneration.load(ordering: .acquiring)
        surrogateKeys = head.surrogateKeys
    }

    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 512)
        writer.append(Self.layout)
        writer.append(UInt32(status))
        writer.append(UInt32(freshness.mustRevalidate ? 1 : 0) | UInt32(freshness.alwaysRevalidate ? 2 : 0))
        writer.append(UInt32(surrogateKeys.isTruncated ? 1 : 0))
        for number in [
            arrivalMilliseconds, freshness.ageOnArrivalMilliseconds, freshness.lifetimeMilliseconds,
            freshness.staleWhileRevalidateMilliseconds, freshness.staleIfErrorMilliseconds,
        ] {
            writer.append(UInt64(bitPattern: number))
        }
        writer.append(birth)
        writer.append(judgedGeneration)
        writer.append(UInt32(surrogateKeys.hashes.count))
        for hash in surrogateKeys.hashes { writer.append(hash) }
        writer.append(UInt32(fields.count))
        for field in fields {
            writer.append(UInt32(field.name.count))
            writer.append(UInt32(field.value.count))
            writer.append(field.name)
            writer.append(field.value)
        }
        return writer.bytes
    }

    /// Nil for anything but what `bytes` gives.
    init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard reader.number32() == Self.layout, let status = reader.number32(), (200...999).contains(status),
            let flags = reader.number32(), let isTruncated = reader.number32(),
            let arrival = reader.number64(), let age = reader.number64(), let lifetime = reader.number64(),
            let whileRevalidate = reader.number64(), let ifError = reader.number64(),
            let birth = reader.number64(), let judged = reader.number64(), let hashes = Self.hashes(&reader),
            let fields = Self.fields(&reader), reader.isAtEnd, arrival <= Self.arrivalMax
        else { return nil }
        self.status = Int(status)
        self.fields = fields
        arrivalMilliseconds = Int64(bitPattern: arrival)
        freshness = StoredFreshness(
            lifetimeMilliseconds: Int64(bitPattern: lifetime), ageOnArrivalMilliseconds: Int64(bitPattern: age),
            staleWhileRevalidateMilliseconds: Int64(bitPattern: whileRevalidate),
            staleIfErrorMilliseconds: Int64(bitPattern: ifError), mustRevalidate: flags & 1 != 0,
            alwaysRevalidate: flags & 2 != 0)
        self.birth = birth
        judgedGeneration = judged
        surrogateKeys = SurrogateKeys(hashes: hashes, isTruncated: isTruncated != 0)
    }

    private static func hashes(_ reader: inout ByteReader) -> [UInt64]? {
        guard let count = reader.number32(), count <= SurrogateKeys.keysMax else { return nil }
        var hashes: [UInt64] = []
        for _ in 0..<count {
            guard let hash = reader.number64() else { return nil }
            hashes.append(hash)
        }
        return hashes
    }

    private static func fields(_ reader: inout ByteReader) -> [FieldLine]? {
        guard let count = reader.number32(), count <= fieldsMax else { return nil }
        var fields: [FieldLine] = []
        for _ in 0..<count {
            guard let nameBytes = reader.number32(), let valueBytes = reader.number32(),
                let name = reader.piece(nameBytes), let value = reader.piece(valueBytes)
            else { return nil }
            fields.append((name, value))
        }
        return fields
    }
}
