// SPDX-License-Identifier: Apache-2.0

/// The decoder configuration inside an `esds` box (ISO/IEC 14496-1 section 7.2.6).
struct DecoderConfigurationDescriptor {
    /// objectTypeIndication: 0x40 is MPEG-4 audio.
    var objectType: Int
    /// DecoderSpecificInfo; for MPEG-4 audio the AudioSpecificConfig.
    var specific: [UInt8]

    private enum Tag {
        static let elementaryStream = 3
        static let decoderConfiguration = 4
        static let decoderSpecific = 5
    }

    init?(_ bytes: [UInt8], _ range: Range<Int>) {
        var reader = ByteReader(bytes, range)
        guard Self.open(&reader, Tag.elementaryStream) != nil, reader.skip(2), let flags = reader.number(1) else {
            return nil
        }
        if flags & 0x80 != 0, !reader.skip(2) { return nil }
        if flags & 0x40 != 0 {
            guard let length = reader.number(1), reader.skip(length) else { return nil }
        }
        if flags & 0x20 != 0, !reader.skip(2) { return nil }
        guard Self.open(&reader, Tag.decoderConfiguration) != nil, let type = reader.number(1), reader.skip(12) else {
            return nil
        }
        objectType = type
        specific = []
        if let length = Self.open(&reader, Tag.decoderSpecific) {
            let start = reader.position
            guard reader.skip(length) else { return nil }
            specific = Array(bytes[start..<start + length])
        }
    }

    /// Reads the tag and the length, seven bits a byte, of a descriptor.
    private static func open(_ reader: inout ByteReader, _ tag: Int) -> Int? {
        guard reader.number(1) == tag else { return nil }
        var length = 0
        for _ in 0..<4 {
            guard let byte = reader.number(1) else { return nil }
            length = length << 7 | byte & 0x7F
            if byte & 0x80 == 0 { return length }
        }
        return nil
    }
}
