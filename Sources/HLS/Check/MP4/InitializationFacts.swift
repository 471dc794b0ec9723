// SPDX-License-Identifier: Apache-2.0

/// An initialization section: `ftyp` and `moov` (ISO/IEC 14496-12, RFC 8216 section 3.3).
struct InitializationFacts {
    private(set) var tracks: [TrackFacts] = []

    /// Brands that are compatible with iso6 or later, and those of CMAF (ISO/IEC 23000-19), which include it.
    private static let brands: Set = ["iso6", "iso7", "iso8", "iso9", "isoa", "isob", "isoc", "cmfc", "cmf2", "hlsf"]
    private static let tracksMax = 64

    private let bytes: [UInt8]
    private let place: String
    private var findings: FindingList
    private var movieTimescale = 1

    /// Nil when the boxes can not be walked.
    static func read(_ bytes: [UInt8], place: String, into findings: inout FindingList) -> InitializationFacts? {
        var facts = InitializationFacts(bytes: bytes, place: place, findings: findings)
        let isReadable = facts.readBoxes()
        findings = facts.findings
        facts.findings = FindingList()
        return isReadable ? facts : nil
    }

    private init(bytes: [UInt8], place: String, findings: FindingList) {
        self.bytes = bytes
        self.place = place
        self.findings = findings
    }

    func track(_ identifier: Int) -> TrackFacts? { tracks.first { $0.identifier == identifier } }

    private mutating func report(_ rule: CheckRule, _ path: String, _ sentence: String) {
        findings.add(rule, path.isEmpty ? place : "\(place) box \(path)", sentence)
    }

    private mutating func readBoxes() -> Bool {
        guard let boxes = mp4Boxes(in: bytes) else {
            report(.initialization, "", "the sizes of its boxes do not add up")
            return false
        }
        guard let type = boxes.first, type.type == "ftyp", let movie = boxes.first(where: { $0.type == "moov" }) else {
            report(.initialization, "", "it does not begin with ftyp, or has no moov")
            return false
        }
        checkBrands(type)
        if boxes.contains(where: { $0.type == "mdat" || $0.type == "moof" }) {
            report(.initialization, "mdat", "an initialization section has no samples")
        }
        guard let inner = mp4Boxes(in: bytes, range: movie.body) else {
            report(.initialization, "moov", "the sizes of its boxes do not add up")
            return false
        }
        readMovie(inner)
        return true
    }

    private mutating func checkBrands(_ box: MP4Box) {
        var reader = ByteReader(bytes, box.body)
        var brands: [String] = []
        if let major = reader.code() { brands.append(major) }
        _ = reader.skip(4)
        while brands.count < 100, let brand = reader.code() { brands.append(brand) }
        if Self.brands.isDisjoint(with: brands) {
            report(.initialization, "ftyp", "no brand is compatible with iso6 or later")
        }
    }

    private mutating func readMovie(_ boxes: [MP4Box]) {
        if let header = boxes.first(where: { $0.type == "mvhd" }) { readMovieHeader(header) }
        for box in boxes.filter({ $0.type == "trak" }).prefix(Self.tracksMax) { readTrack(box) }
        let kinds = boxes.map(\.type)
        guard let extends = boxes.first(where: { $0.type == "mvex" }) else {
            report(.initialization, "moov", "there is no mvex")
            return
        }
        if let last = kinds.lastIndex(of: "trak"), let at = kinds.firstIndex(of: "mvex"), at < last {
            report(.initialization, "moov/mvex", "mvex is not behind the last trak")
        }
        for box in mp4Boxes(in: bytes, range: extends.body) ?? [] where box.type == "trex" { readDefaults(box) }
        for track in tracks where track.timescale == 0 {
            report(.initialization, "moov/trak/mdia/mdhd", "the timescale of track \(track.identifier) is 0")
        }
        for index in tracks.indices { tracks[index].timescale = max(1, tracks[index].timescale) }
    }

    private mutating func readMovieHeader(_ box: MP4Box) {
        var reader = ByteReader(bytes, box.body)
        let isLong = reader.number(1) == 1
        guard reader.skip(isLong ? 19 : 11), let timescale = reader.number(4),
            let duration = reader.number(isLong ? 8 : 4)
        else { return report(.initialization, "moov/mvhd", "the box is too short") }
        movieTimescale = max(1, timescale)
        if !Self.isNone(duration, isLong) { report(.initialization, "moov/mvhd", "the duration is not 0") }
    }

    /// 0, or all bits set, which says that the duration is not known.
    private static func isNone(_ duration: Int, _ isLong: Bool) -> Bool {
        duration == 0 || !isLong && duration == 0xFFFF_FFFF
    }

    private mutating func readDefaults(_ box: MP4Box) {
        var reader = ByteReader(bytes, box.body)
        guard reader.skip(4), let identifier = reader.number(4), reader.skip(4), let duration = reader.number(4),
            let size = reader.number(4), let flags = reader.number(4),
            let index = tracks.firstIndex(where: { $0.identifier == identifier })
        else { return report(.initialization, "moov/mvex/trex", "the box is too short, or its track does not exist") }
        tracks[index].defaults = SampleDefaults(duration: duration, size: size, flags: flags)
    }

    private mutating func readTrack(_ box: MP4Box) {
        var track = TrackFacts()
        guard let boxes = mp4Boxes(in: bytes, range: box.body) else {
            return report(.initialization, "moov/trak", "the sizes of its boxes do not add up")
        }
        if let header = boxes.first(where: { $0.type == "tkhd" }) {
            var reader = ByteReader(bytes, header.body)
            let isLong = reader.number(1) == 1
            guard reader.skip(isLong ? 19 : 11), let identifier = reader.number(4), reader.skip(4),
                let duration = reader.number(isLong ? 8 : 4)
            else { return report(.initialization, "moov/trak/tkhd", "the box is too short") }
            track.identifier = identifier
            if !Self.isNone(duration, isLong) { report(.initialization, "moov/trak/tkhd", "the duration is not 0") }
        }
        readMedia(box.body, &track)
        readEdits(box.body, &track)
        if let loudness = mp4Box(in: bytes, path: ["udta", "ludt"], range: box.body) {
            track.hasLoudness = !(mp4Boxes(in: bytes, range: loudness.body) ?? []).isEmpty
        }
        tracks.append(track)
    }

    private mutating func readMedia(_ range: Range<Int>, _ track: inout TrackFacts) {
        if let header = mp4Box(in: bytes, path: ["mdia", "mdhd"], range: range) {
            var reader = ByteReader(bytes, header.body)
            let isLong = reader.number(1) == 1
            track.timescale = reader.skip(isLong ? 19 : 11) ? reader.number(4) ?? 0 : 0
        } else {
            track.timescale = 0
        }
        if let handler = mp4Box(in: bytes, path: ["mdia", "hdlr"], range: range) {
            var reader = ByteReader(bytes, handler.body)
            switch reader.skip(8) ? reader.code() : nil {
            case "vide": track.kind = .video
            case "soun": track.kind = .audio
            case "text", "subt", "sbtl": track.kind = .subtitles
            default: track.kind = .other
            }
        }
        checkReferences(range)
        guard let table = mp4Box(in: bytes, path: ["mdia", "minf", "stbl"], range: range) else {
            return report(.sampleTable, "moov/trak/mdia/minf", "track \(track.identifier) has no sample table")
        }
        checkNoSamples(table.body)
        guard let entries = mp4Box(in: bytes, path: ["stsd"], range: table.body), entries.body.count > 8,
            let entry = mp4Boxes(in: bytes, range: entries.body.dropFirst(8))?.first
        else { return report(.initialization, "moov/trak/mdia/minf/stbl/stsd", "there is no sample entry") }
        SampleEntry.read(bytes, entry, into: &track)
        if track.codec == nil, ["avc1", "avc3", "hvc1", "hev1", "mp4a"].contains(track.entry) {
            report(
                .initialization, "moov/trak/mdia/minf/stbl/stsd/\(track.entry)",
                "the decoder configuration is missing or malformed")
        }
    }

    /// Section 3.3: no external data references.
    private mutating func checkReferences(_ range: Range<Int>) {
        guard let references = mp4Box(in: bytes, path: ["mdia", "minf", "dinf", "dref"], range: range),
            references.body.count >= 8
        else { return }
        for box in mp4Boxes(in: bytes, range: references.body.dropFirst(8)) ?? [] where box.body.count >= 4 {
            // The flag "self-contained".
            if bytes[box.body.lowerBound + 3] & 1 == 0 {
                report(.fragment, "moov/trak/mdia/minf/dinf/dref", "the samples are in another file")
            }
        }
    }

    private mutating func checkNoSamples(_ range: Range<Int>) {
        for (type, offset) in [("stts", 4), ("stsc", 4), ("stsz", 8), ("stco", 4)] {
            guard let box = mp4Box(in: bytes, path: [type], range: range) else { continue }
            var reader = ByteReader(bytes, box.body)
            if reader.skip(offset), let count = reader.number(4), count > 0 {
                report(.initialization, "moov/trak/mdia/minf/stbl/\(type)", "the sample table is not empty")
            }
        }
    }

    private mutating func readEdits(_ range: Range<Int>, _ track: inout TrackFacts) {
        guard let box = mp4Box(in: bytes, path: ["edts", "elst"], range: range) else { return }
        var reader = ByteReader(bytes, box.body)
        let bytesOfTime = reader.number(1) == 1 ? 8 : 4
        guard reader.skip(3), let count = reader.number(4) else { return }
        for _ in 0..<min(count, 2) {
            guard let duration = reader.number(bytesOfTime) else { return }
            // A media time of -1, all bits set, is an empty edit; 8 bytes of it are no `Int`.
            let time = reader.number(bytesOfTime)
            if time == nil, !reader.skip(bytesOfTime) { return }
            guard reader.skip(4) else { return }
            if let time, bytesOfTime == 8 || time != 0xFFFF_FFFF {
                track.editStart = min(time, 1 << 60)
                break
            }
            // No real delay is years long, and its product with a timescale has to fit.
            track.editDelaySeconds = min(Double(duration) / Double(movieTimescale), 1e8)
        }
        let delay = track.editDelaySeconds - Double(track.editStart) / Double(max(1, track.timescale))
        // An edit list that only takes back the negative decode times of B frames moves nothing.
        if abs(delay) >= 0.001 {
            let sign = delay < 0 ? "-" : ""
            report(
                .editList, "moov/trak/edts/elst",
                "the presentation is moved by \(sign)\(decimal(abs(delay), places: 3)) s")
        }
    }
}
