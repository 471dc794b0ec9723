// SPDX-License-Identifier: Apache-2.0
//
// Decodes the header blocks of one connection (RFC 7541), each one whole and in the order in which they came. What the
// names and values in the tables are allowed is judged when they go in; paths, which are new in each request but begin
// like the one before, are decoded and judged from where they are new. Belongs to one session. Unsafe because it works
// on raw bytes; `BlockReader` never reads beyond its block, and a block's strings fit into the scratch memory.

/// An HPACK decoder. See the head of the file.
final class HeaderDecoder {
    /// No block may be longer.
    static let blockBytesMax = 65_536
    /// A name of the dynamic table and the strings of one field that are taken out of the Huffman code, where no
    /// character is shorter than five bits.
    static let scratchBytes = DynamicTable.bytesMax + blockBytesMax * 8 / 5
    /// Shorter paths are decoded as everything else is.
    private static let pathBytesMin = 32

    private let staticEntries = StaticTable.shared.entries
    private let huffman = HuffmanTable.shared
    private let scratch: UnsafeMutableRawPointer
    private var table = DynamicTable()
    /// Made for the first long path: an idle connection may never send one. Held once, and used without counting.
    private var paths: Unmanaged<HuffmanDecoder>?
    /// What `paths` holds is allowed as a path.
    private var isPathAllowed = false

    /// `scratch` holds `scratchBytes`, is used during `decode` alone, and outlives the decoder.
    init(scratch: UnsafeMutableRawPointer) {
        self.scratch = scratch
    }

    deinit {
        paths?.release()
        table.free()
    }

    /// Hands the fields of a block of at most `blockBytesMax` to `take`, one by one. False when the block can not be
    /// decoded, and with it none that follows on the connection: COMPRESSION_ERROR (RFC 9113 section 4.3).
    @inline(__always)
    func decode(_ block: UnsafeRawBufferPointer, _ take: (HeaderField) -> Void) -> Bool {
        precondition(block.count <= Self.blockBytesMax)
        var reader = BlockReader(block)
        guard readSizes(&reader) else { return false }
        while let first = reader.first {
            let field: HeaderField?
            if first & 0x80 != 0 {
                field = reader.integer(prefixBits: 7).flatMap(entry)
            } else {
                field = literal(&reader, isAdded: first & 0x40 != 0)
            }
            guard let field else { return false }
            take(field)
        }
        return true
    }

    /// Changes of the table's size, which come before everything else (RFC 7541 section 4.2).
    @inline(__always)
    private func readSizes(_ reader: inout BlockReader) -> Bool {
        while let first = reader.first, first & 0xE0 == 0x20 {
            guard let size = reader.integer(prefixBits: 5), table.resize(to: size) else { return false }
        }
        return true
    }

    /// The field with an index that counts through both tables from 1 on.
    @inline(__always)
    private func entry(_ index: Int) -> HeaderField? {
        guard index > StaticTable.count else { return index > 0 ? staticEntries[index - 1] : nil }
        return table.entry(index - StaticTable.count - 1)
    }

    /// A field that has its value, and perhaps its name, in the block.
    private func literal(_ reader: inout BlockReader, isAdded: Bool) -> HeaderField? {
        // One that would change the table's size comes too late.
        guard let first = reader.first, isAdded || first & 0xE0 == 0,
            let index = reader.integer(prefixBits: isAdded ? 6 : 4)
        else { return nil }
        var scratchUsed = 0
        var field: HeaderField
        if index > 0 {
            guard let found = entry(index) else { return nil }
            field = found
            // Its entry may be moved, or make room for the new one (RFC 7541 section 4.4).
            if isAdded, index > StaticTable.count { field.name = keep(field.name, &scratchUsed) }
        } else {
            guard let name = string(&reader, &scratchUsed) else { return nil }
            field = HeaderField(
                name: name.bytes, value: name.bytes, kind: FieldKind(name.bytes), isAllowed: false, isValueStable: false
            )
        }
        guard readValue(&reader, &scratchUsed, of: &field) else { return nil }
        if isAdded { table.insert(field) }
        return field
    }

    @inline(__always)
    private func readValue(_ reader: inout BlockReader, _ scratchUsed: inout Int, of field: inout HeaderField) -> Bool {
        if case .pseudo(.path) = field.kind,
            let coded = reader.codedString(Self.pathBytesMin...HuffmanDecoder.encodedBytesMax)
        {
            return readPath(coded, of: &field)
        }
        guard let value = string(&reader, &scratchUsed) else { return false }
        field.value = value.bytes
        field.isValueStable = value.isStable
        field.isAllowed = field.kind.allows(value.bytes)
        return true
    }

    private func readPath(_ coded: UnsafeRawBufferPointer, of field: inout HeaderField) -> Bool {
        let decoder = paths ?? .passRetained(HuffmanDecoder())
        paths = decoder
        guard let (path, knownCount) = decoder._withUnsafeGuaranteedRef({ $0.decode(coded) }) else { return false }
        // Each character is allowed or not whatever stands beside it.
        if knownCount < path.count || !isPathAllowed {
            isPathAllowed = field.kind.allows(isPathAllowed ? path.slice(knownCount..<path.count) : path)
        }
        field.value = path
        // A second path would be written over it, but such a request is malformed.
        field.isValueStable = true
        field.isAllowed = isPathAllowed
        return true
    }

    /// A string literal (RFC 7541 section 5.2), out of its code if it has one. Stable when it lies in the block.
    @inline(__always)
    private func string(
        _ reader: inout BlockReader, _ scratchUsed: inout Int
    ) -> (bytes: UnsafeRawBufferPointer, isStable: Bool)? {
        guard let (bytes, isCoded) = reader.string() else { return nil }
        guard isCoded else { return (bytes, true) }
        let place = scratch + scratchUsed
        guard let count = huffman.decode(bytes, into: place) else { return nil }
        scratchUsed += count
        return (UnsafeRawBufferPointer(start: place, count: count), false)
    }

    private func keep(_ bytes: UnsafeRawBufferPointer, _ scratchUsed: inout Int) -> UnsafeRawBufferPointer {
        let place = scratch + scratchUsed
        if let base = bytes.baseAddress { place.copyMemory(from: base, byteCount: bytes.count) }
        scratchUsed += bytes.count
        return UnsafeRawBufferPointer(start: place, count: bytes.count)
    }
}
