// SPDX-License-Identifier: Apache-2.0
//
// The dynamic table of HPACK (RFC 7541 section 2.3.2), as its peer's encoder fills it. Belongs to one connection. The
// names and values of the entries lie one behind the other in one piece of memory, the oldest first; new ones go to the
// end, and what is left is moved to the front when the end is reached. Memory is taken when there is something to keep,
// and grows with it. Unsafe because it works on raw bytes; every entry's bytes lie within `capacity`.

import Glibc

/// A list of fields of bounded size that forgets the oldest ones. The owner calls `free` at its end.
struct DynamicTable {
    /// What a client may let it grow to: the value of SETTINGS_HEADER_TABLE_SIZE that holds without a word
    /// (RFC 9113 section 6.5.2).
    static let bytesMax = 4096
    /// What an entry counts beside its name and value (RFC 7541 section 4.1).
    private static let overheadBytes = 32
    private static let firstCapacity = 256
    private static let firstPlaces = 8

    private struct Entry {
        var offset: UInt16
        var nameCount: UInt16
        var valueCount: UInt16
        var kind: FieldKind
        /// The kind allows the value.
        var isAllowed: Bool

        var byteCount: Int { Int(nameCount) + Int(valueCount) }
    }

    private var storage: UnsafeMutableRawPointer?
    private var capacity = 0
    /// The first byte of the oldest entry, and the one behind the newest.
    private var storageStart = 0
    private var storageEnd = 0
    /// A ring of `placesMask + 1` entries.
    private var places: UnsafeMutablePointer<Entry>?
    private var placesMask = -1
    /// The place of the next entry, not yet reduced to the ring.
    private var nextPlace = 0
    private(set) var count = 0
    /// As RFC 7541 section 4.1 counts.
    private(set) var byteCount = 0
    private(set) var sizeMax = DynamicTable.bytesMax

    init() {}

    func free() {
        storage?.deallocate()
        places?.deallocate()
    }

    /// The entry with this index, 0 for the newest. Valid until the next change; nil when there is none.
    @inline(__always)
    func entry(_ index: Int) -> HeaderField? {
        guard index < count, let places, let storage else { return nil }
        let entry = places[(nextPlace - 1 - index) & placesMask]
        let name = UnsafeRawPointer(storage) + Int(entry.offset)
        return HeaderField(
            name: UnsafeRawBufferPointer(start: name, count: Int(entry.nameCount)),
            value: UnsafeRawBufferPointer(start: name + Int(entry.nameCount), count: Int(entry.valueCount)),
            kind: entry.kind, isAllowed: entry.isAllowed, isValueStable: false)
    }

    /// Takes the size that the encoder keeps to. False when it is more than it may be.
    mutating func resize(to bytes: Int) -> Bool {
        guard bytes <= Self.bytesMax else { return false }
        sizeMax = bytes
        evict(to: bytes)
        return true
    }

    /// Adds an entry; one that is too large leaves the table empty (RFC 7541 section 4.4). The field's bytes lie outside of
    /// the table.
    mutating func insert(_ field: HeaderField) {
        let bytes = field.name.count + field.value.count
        guard bytes + Self.overheadBytes <= sizeMax else { return evict(to: 0) }
        evict(to: sizeMax - Self.overheadBytes - bytes)
        if count > placesMask { growPlaces() }
        if storage == nil || storageEnd + bytes > capacity { makeRoom(for: bytes) }
        guard let storage, let places else { return }
        let place = storage + storageEnd
        if let name = field.name.baseAddress { place.copyMemory(from: name, byteCount: field.name.count) }
        if let value = field.value.baseAddress {
            (place + field.name.count).copyMemory(from: value, byteCount: field.value.count)
        }
        places[nextPlace & placesMask] = Entry(
            offset: UInt16(storageEnd), nameCount: UInt16(field.name.count), valueCount: UInt16(field.value.count),
            kind: field.kind, isAllowed: field.isAllowed)
        nextPlace &+= 1
        count += 1
        storageEnd += bytes
        byteCount += bytes + Self.overheadBytes
    }

    private mutating func evict(to bytes: Int) {
        guard let places else { return }
        while byteCount > bytes {
            let oldest = places[(nextPlace - count) & placesMask]
            count -= 1
            storageStart += oldest.byteCount
            byteCount -= oldest.byteCount + Self.overheadBytes
        }
    }

    private mutating func growPlaces() {
        let grown = max(Self.firstPlaces, 2 * (placesMask + 1))
        let new = UnsafeMutablePointer<Entry>.allocate(capacity: grown)
        if let places {
            for place in nextPlace - count..<nextPlace {
                (new + (place & (grown - 1))).initialize(to: places[place & placesMask])
            }
            places.deallocate()
        }
        places = new
        placesMask = grown - 1
    }

    /// Moves the entries to the front, of larger memory when they would soon be moved again.
    private mutating func makeRoom(for bytes: Int) {
        let kept = storageEnd - storageStart
        var wanted = max(capacity, Self.firstCapacity)
        while wanted < 2 * (kept + bytes) { wanted *= 2 }
        var target = storage
        if wanted != capacity { target = .allocate(byteCount: wanted, alignment: 16) }
        if let storage, let target, kept > 0 { memmove(target, storage + storageStart, kept) }
        if wanted != capacity { storage?.deallocate() }
        if let places {
            for place in nextPlace - count..<nextPlace { places[place & placesMask].offset -= UInt16(storageStart) }
        }
        storage = target
        capacity = wanted
        storageStart = 0
        storageEnd = kept
    }
}
