// SPDX-License-Identifier: Apache-2.0

/// Reads sample entries (ISO/IEC 14496-12 section 8.5.2, ISO/IEC 14496-15, ISO/IEC 14496-14).
enum SampleEntry {
    /// Fields of a visual and of an audio sample entry before its boxes.
    private static let visualBytes = 78
    private static let audioBytes = 28

    static func read(_ bytes: [UInt8], _ entry: MP4Box, into track: inout TrackFacts) {
        track.entry = entry.type
        switch track.kind {
        case .video: readVisual(bytes, entry, into: &track)
        case .audio: readAudio(bytes, entry, into: &track)
        case .subtitles, .other: break
        }
    }

    private static func readVisual(_ bytes: [UInt8], _ entry: MP4Box, into track: inout TrackFacts) {
        var reader = ByteReader(bytes, entry.body)
        guard reader.skip(24), let width = reader.number(2), let height = reader.number(2),
            entry.body.count > visualBytes
        else { return }
        track.size = PictureSize(width: width, height: height)
        let boxes = mp4Boxes(in: bytes, range: entry.body.dropFirst(visualBytes)) ?? []
        track.entry = original(bytes, boxes, entry, &track)
        for box in boxes {
            switch box.type {
            case "avcC": readAVC(Array(bytes[box.body]), into: &track)
            case "hvcC":
                track.hevc = HEVCConfiguration(Array(bytes[box.body]))
                track.codec = track.hevc?.codec(entry: track.entry)
                track.lengthBytes = track.hevc?.lengthBytes
            case "colr": track.colour = colour(bytes, box) ?? track.colour
            default: break
            }
        }
        track.colour = track.colour ?? track.sequence?.colour
    }

    /// The type behind `encv` and `enca` (section 8.12.2), or the entry's own.
    private static func original(
        _ bytes: [UInt8], _ boxes: [MP4Box], _ entry: MP4Box, _ track: inout TrackFacts
    ) -> String {
        guard entry.type == "encv" || entry.type == "enca" else { return entry.type }
        track.isProtected = true
        guard let information = boxes.first(where: { $0.type == "sinf" }),
            let format = mp4Box(in: bytes, path: ["frma"], range: information.body)
        else { return entry.type }
        var reader = ByteReader(bytes, format.body)
        return reader.code() ?? entry.type
    }

    private static func readAVC(_ record: [UInt8], into track: inout TrackFacts) {
        guard let codec = avcCodecs(decoderConfiguration: record) else { return }
        track.codec = track.entry + codec.dropFirst(4)
        track.lengthBytes = Int(record[4] & 3) + 1
        // The first sequence parameter set (section 5.3.3.1.2).
        var reader = ByteReader(record)
        guard reader.skip(5), let count = reader.number(1), count & 0x1F > 0, let length = reader.number(2),
            length > 1, reader.remaining.count >= length
        else { return }
        let start = reader.position
        track.sequence = SequenceParameterSet(Array(record[start..<start + length]))
    }

    private static func colour(_ bytes: [UInt8], _ box: MP4Box) -> ColourDescription? {
        var reader = ByteReader(bytes, box.body)
        guard let type = reader.code(), type == "nclx" || type == "nclc", let primaries = reader.number(2),
            let transfer = reader.number(2), let matrix = reader.number(2)
        else { return nil }
        return ColourDescription(primaries: primaries, transfer: transfer, matrix: matrix)
    }

    private static func readAudio(_ bytes: [UInt8], _ entry: MP4Box, into track: inout TrackFacts) {
        guard entry.body.count >= audioBytes else { return }
        var reader = ByteReader(bytes, entry.body)
        _ = reader.skip(16)
        let channels = reader.number(2) ?? 0
        let boxes = mp4Boxes(in: bytes, range: entry.body.dropFirst(audioBytes)) ?? []
        track.entry = original(bytes, boxes, entry, &track)
        guard track.entry == "mp4a" else {
            track.audio = AudioConfiguration(channels: channels)
            return
        }
        guard let box = boxes.first(where: { $0.type == "esds" }), box.body.count > 4,
            let descriptor = DecoderConfigurationDescriptor(bytes, box.body.dropFirst(4))
        else { return }
        guard descriptor.objectType == 0x40 else {
            track.codec = "mp4a." + hexadecimalPair(UInt8(descriptor.objectType))
            track.audio = AudioConfiguration(channels: channels)
            return
        }
        track.codec = aacCodecs(audioSpecificConfiguration: descriptor.specific)
        track.audio = AudioConfiguration(specific: descriptor.specific) ?? AudioConfiguration(channels: channels)
    }
}
