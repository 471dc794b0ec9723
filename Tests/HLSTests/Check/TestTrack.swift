// SPDX-License-Identifier: Apache-2.0

/// Writes the boxes of one track: an initialization section, and segments of one fragment.
struct TestTrack {
    enum Kind {
        case video(TestSPS)
        /// AAC with this object type and channels, at 48,000 Hz.
        case audio(objectType: Int, channels: Int)
    }

    struct Sample {
        var isKey = true
        /// The NAL unit's type of the only slice; nil for sound.
        var unitType: Int?
        var bytes: Int
        var duration: Int
        var offset = 0
    }

    var kind: Kind
    var timescale: Int
    var entry: String
    var hasLoudness = true
    var identifier = 1

    typealias Boxes = MP4BoxTests

    static func box(_ type: String, _ body: [UInt8]) -> [UInt8] { Boxes.box(type, body) }
    static func full(_ type: String, flags: Int = 0, version: Int = 0, _ body: [UInt8]) -> [UInt8] {
        box(type, Boxes.number(version, bytes: 1) + Boxes.number(flags, bytes: 3) + body)
    }
    static func number(_ value: Int, _ bytes: Int = 4) -> [UInt8] { Boxes.number(value, bytes: bytes) }
    static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    var initialization: [UInt8] {
        Self.initialization([self])
    }

    static func initialization(_ tracks: [TestTrack]) -> [UInt8] {
        let movie = full("mvhd", zeros(8) + number(1000) + number(0) + zeros(80))
        let extends = tracks.map { full("trex", number($0.identifier) + number(1) + zeros(12)) }.flatMap(\.self)
        return box("ftyp", Array("cmfc".utf8) + number(0) + Array("iso6cmfc".utf8))
            + box("moov", movie + tracks.flatMap(\.track) + box("mvex", extends))
    }

    private var track: [UInt8] {
        let header = Self.full("tkhd", flags: 3, Self.zeros(8) + Self.number(identifier) + Self.zeros(68))
        let handler = isVideo ? "vide" : "soun"
        let media =
            Self.full("mdhd", Self.zeros(8) + Self.number(timescale) + Self.zeros(8))
            + Self.full("hdlr", Self.zeros(4) + Array(handler.utf8) + Self.zeros(13))
        let table =
            Self.full("stsd", Self.number(1) + sampleEntry) + Self.full("stts", Self.number(0))
            + Self.full("stsc", Self.number(0)) + Self.full("stsz", Self.zeros(8)) + Self.full("stco", Self.number(0))
        let references = Self.box("dinf", Self.full("dref", Self.number(1) + Self.full("url ", flags: 1, [])))
        let loudness = Self.box("udta", Self.box("ludt", Self.full("tlou", Self.zeros(8))))
        return Self.box(
            "trak",
            header + Self.box("mdia", media + Self.box("minf", references + Self.box("stbl", table)))
                + (hasLoudness && !isVideo ? loudness : []))
    }

    private var isVideo: Bool { if case .video = kind { true } else { false } }

    private var sampleEntry: [UInt8] {
        switch kind {
        case .video(let set):
            let unit = set.unit
            let record = [1] + unit[1...3] + [0xFF, 0xE1] + Self.number(unit.count, 2) + unit + [0]
            let fields = Self.zeros(24) + Self.number(set.width, 2) + Self.number(set.height, 2) + Self.zeros(50)
            return Self.box(entry, fields + Self.box("avcC", record))
        case .audio(let objectType, let channels):
            // Five bits of the type, four of the rate's index (3 is 48,000), four of the channels.
            let specific = Self.number(objectType << 11 | 3 << 7 | channels << 3, 2)
            let decoder =
                [4, UInt8(13 + 2 + specific.count), 0x40] + Self.zeros(12) + [5, UInt8(specific.count)] + specific
            let descriptor = [3, UInt8(3 + decoder.count)] + Self.zeros(3) + decoder
            let fields = Self.zeros(16) + Self.number(channels, 2) + Self.zeros(10)
            return Self.box(entry, fields + Self.full("esds", descriptor))
        }
    }

    /// `styp`, `moof` and `mdat`.
    func segment(at decodeTime: Int, _ samples: [Sample]) -> [UInt8] {
        let run = samples.flatMap { sample in
            Self.number(sample.duration) + Self.number(sample.bytes)
                + Self.number(sample.isKey ? 0x200_0000 : 0x101_0000) + Self.number(sample.offset)
        }
        func fragment(offset: Int) -> [UInt8] {
            let header = Self.full("tfhd", flags: 0x20000, Self.number(identifier))
            let time = Self.full("tfdt", version: 1, Self.number(decodeTime, 8))
            let samples = Self.full(
                "trun", flags: 0xF01, version: 1, Self.number(samples.count) + Self.number(offset) + run)
            return Self.box("moof", Self.full("mfhd", Self.number(1)) + Self.box("traf", header + time + samples))
        }
        let data = samples.flatMap { sample in
            guard let type = sample.unitType else { return [UInt8](repeating: 0x21, count: sample.bytes) }
            return Self.number(sample.bytes - 4) + [0x60 | UInt8(type)]
                + [UInt8](repeating: 0x88, count: sample.bytes - 5)
        }
        return Self.box("styp", Array("cmfs".utf8) + Self.number(0))
            + fragment(offset: fragment(offset: 0).count + 8) + Self.box("mdat", data)
    }
}
