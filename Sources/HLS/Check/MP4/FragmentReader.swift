// SPDX-License-Identifier: Apache-2.0

/// Reads the fragments of one segment (ISO/IEC 14496-12 section 8.8) and checks RFC 8216 section 3.3 on them.
struct FragmentReader {
    struct Sample {
        var decodeTime: Int
        var presentationTime: Int
        var duration: Int
        var flags: Int
        /// Where it lies in the bytes of the segment; may end behind them where the segment was cut.
        var data: Range<Int>

        /// sample_is_non_sync_sample is not set (section 8.8.3.1).
        var isSync: Bool { flags & 0x10000 == 0 }
    }

    /// Times beyond this, and sums with them, would not fit; no real clock gets there.
    private static let timeMax = 1 << 60

    private let bytes: [UInt8]
    private let place: String
    private let initialization: InitializationFacts
    private let isIFrame: Bool
    private let limits: CheckLimits
    private var findings: FindingList
    private var samplesOfTracks: [Int: [Sample]] = [:]
    private var decodeTimes: [Int: Int] = [:]
    private var sampleCount = 0

    /// Nil when there is no sample that can be read. A segment of an I-frame playlist may end before its `mdat` does.
    static func read(
        _ bytes: [UInt8], place: String, initialization: InitializationFacts, isIFrame: Bool, limits: CheckLimits,
        into findings: inout FindingList
    ) -> SegmentFacts? {
        var reader = FragmentReader(bytes, place, initialization, isIFrame, limits, findings)
        reader.readBoxes()
        let facts = reader.summary()
        findings = reader.findings
        return facts
    }

    private init(
        _ bytes: [UInt8], _ place: String, _ initialization: InitializationFacts, _ isIFrame: Bool,
        _ limits: CheckLimits, _ findings: FindingList
    ) {
        self.bytes = bytes
        self.place = place
        self.initialization = initialization
        self.isIFrame = isIFrame
        self.limits = limits
        self.findings = findings
    }

    private mutating func report(_ rule: CheckRule, _ path: String, _ sentence: String) {
        findings.add(rule, path.isEmpty ? place : "\(place) box \(path)", sentence)
    }

    private mutating func readBoxes() {
        guard let boxes = mp4Boxes(in: bytes, lastMayBeCut: isIFrame) else {
            return report(.segment, "", "the sizes of its boxes do not add up")
        }
        let fragments = boxes.filter { $0.type == "moof" }
        guard !fragments.isEmpty, boxes.contains(where: { $0.type == "mdat" }) else {
            return report(isIFrame ? .iFrameFragment : .segment, "", "there is no moof with its mdat")
        }
        if isIFrame, let first = boxes.first(where: { $0.type == "moof" || $0.type == "mdat" }), first.type == "mdat" {
            report(.iFrameFragment, "mdat", "the sample data is not behind its moof")
        }
        for box in fragments { readFragment(box) }
    }

    private mutating func readFragment(_ box: MP4Box) {
        guard let boxes = mp4Boxes(in: bytes, range: box.body) else {
            return report(.fragment, "moof", "the sizes of its boxes do not add up")
        }
        let tracks = boxes.filter { $0.type == "traf" }
        if tracks.isEmpty { report(.fragment, "moof", "there is no traf") }
        // The box's header has 8 bytes and ends with the type, or 16 with a large size.
        let header = bytes[box.body.lowerBound - 4..<box.body.lowerBound].elementsEqual("moof".utf8) ? 8 : 16
        for track in tracks { readTrack(track, base: box.body.lowerBound - header) }
    }

    private mutating func readTrack(_ box: MP4Box, base: Int) {
        guard let boxes = mp4Boxes(in: bytes, range: box.body) else {
            return report(.fragment, "moof/traf", "the sizes of its boxes do not add up")
        }
        guard let header = boxes.first(where: { $0.type == "tfhd" }).flatMap({ readHeader($0) }) else { return }
        guard let box = boxes.first(where: { $0.type == "tfdt" }) else {
            return report(.fragment, "moof/traf", "there is no tfdt")
        }
        var reader = ByteReader(bytes, box.body)
        let isLong = reader.number(1) == 1
        guard reader.skip(3), let start = reader.number(isLong ? 8 : 4), start <= Self.timeMax else {
            return report(.fragment, "moof/traf/tfdt", "the box is too short, or its time is too large")
        }
        if decodeTimes[header.track] == nil { decodeTimes[header.track] = start }
        if let last = samplesOfTracks[header.track]?.last, last.decodeTime + last.duration != start {
            report(
                .decodeTimes, "moof/traf/tfdt",
                "the fragment is at \(start), but the one before ends at \(last.decodeTime + last.duration)")
        }
        var run = Run(time: start, position: base, base: base)
        for box in boxes where box.type == "trun" { readRun(box, header, &run) }
    }

    private struct Header {
        var track: Int
        var defaults: SampleDefaults
    }

    private mutating func readHeader(_ box: MP4Box) -> Header? {
        var reader = ByteReader(bytes, box.body)
        guard let flags = reader.number(4), let identifier = reader.number(4) else {
            report(.fragment, "moof/traf/tfhd", "the box is too short")
            return nil
        }
        guard let track = initialization.track(identifier) else {
            report(.fragment, "moof/traf/tfhd", "track \(identifier) is not in the initialization section")
            return nil
        }
        // base-data-offset-present, and neither default-base-is-moof nor the rule that stands for it in the first traf.
        if flags & 1 != 0 { report(.fragment, "moof/traf/tfhd", "data is addressed from the start of the file") }
        var header = Header(track: identifier, defaults: track.defaults)
        if flags & 0x1 != 0 { _ = reader.skip(8) }
        if flags & 0x2 != 0 { _ = reader.skip(4) }
        if flags & 0x8 != 0 { header.defaults.duration = reader.number(4) ?? 0 }
        if flags & 0x10 != 0 { header.defaults.size = reader.number(4) ?? 0 }
        if flags & 0x20 != 0 { header.defaults.flags = reader.number(4) ?? 0 }
        return header
    }

    /// Where the next sample is, in time and in bytes.
    private struct Run {
        var time: Int
        var position: Int
        var base: Int
    }

    private mutating func readRun(_ box: MP4Box, _ header: Header, _ run: inout Run) {
        var reader = ByteReader(bytes, box.body)
        guard let version = reader.number(1), let flags = reader.number(3), let count = reader.number(4) else {
            return report(.fragment, "moof/traf/trun", "the box is too short")
        }
        if flags & 1 != 0 {
            guard let offset = reader.number(4) else { return }
            run.position = run.base + Self.signed(offset)
        }
        let firstFlags = flags & 4 != 0 ? reader.number(4) : nil
        for index in 0..<count {
            guard sampleCount < limits.samplesMax else {
                return report(.limit, "moof/traf/trun", "samples beyond \(limits.samplesMax) were not looked at")
            }
            var sample = header.defaults
            if flags & 0x100 != 0 { sample.duration = reader.number(4) ?? -1 }
            if flags & 0x200 != 0 { sample.size = reader.number(4) ?? -1 }
            if flags & 0x400 != 0 { sample.flags = reader.number(4) ?? -1 }
            if index == 0, let firstFlags { sample.flags = firstFlags }
            let offset = flags & 0x800 != 0 ? reader.number(4) ?? -1 : 0
            guard sample.duration >= 0, sample.size >= 0, sample.flags >= 0, offset >= 0 else {
                return report(.fragment, "moof/traf/trun", "the box is too short for \(count) samples")
            }
            // Only the first sample of an I frame's fragment has to be there.
            guard run.position >= 0, run.position + sample.size <= bytes.count || isIFrame else {
                return report(.segment, "moof/traf/trun", "the segment ends in sample \(index + 1) of \(count)")
            }
            samplesOfTracks[header.track, default: []].append(
                Sample(
                    decodeTime: run.time, presentationTime: run.time + (version == 0 ? offset : Self.signed(offset)),
                    duration: sample.duration, flags: sample.flags, data: run.position..<run.position + sample.size))
            sampleCount += 1
            run.time += sample.duration
            run.position += sample.size
        }
    }

    private static func signed(_ number: Int) -> Int { number >= 1 << 31 ? number - 1 << 32 : number }

    private mutating func summary() -> SegmentFacts? {
        let tracks = samplesOfTracks.keys.sorted().compactMap { initialization.track($0) }
        guard let track = tracks.first(where: { $0.kind == .video }) ?? tracks.first,
            let samples = samplesOfTracks[track.identifier], let first = samples.first
        else { return nil }
        if tracks.count(where: { $0.kind == .audio }) > 1 {
            report(
                .oneAudioStream, "moof", "the segment has \(tracks.count(where: { $0.kind == .audio })) audio streams")
        }
        var facts = SegmentFacts(track: track.identifier, timescale: track.timescale, decodeTime: first.decodeTime)
        let delay = Int(track.editDelaySeconds * Double(track.timescale))
        facts.duration = samples.reduce(0) { $0 + $1.duration }
        facts.sampleCount = samples.count
        facts.sampleDurationMax = samples.map(\.duration).max() ?? 0
        facts.presentationStart =
            (samples.map(\.presentationTime).min() ?? first.presentationTime) - track.editStart + delay
        facts.isClosed = samples.allSatisfy { $0.presentationTime >= first.presentationTime }
        facts.firstSampleEnd = first.data.upperBound
        if track.kind == .video { lookAtPictures(samples, track, &facts) }
        return facts
    }

    private mutating func lookAtPictures(_ samples: [Sample], _ track: TrackFacts, _ facts: inout SegmentFacts) {
        let looked = isIFrame ? samples.prefix(1) : samples[...]
        for (index, sample) in looked.enumerated() {
            let isIDR: Bool
            if let lengthBytes = track.lengthBytes, !track.isProtected {
                isIDR = NALUnits(bytes, sample.data, lengthBytes: lengthBytes, isHEVC: track.hevc != nil).startsWithIDR
                if isIDR != sample.isSync, track.hevc == nil {
                    let marked = sample.isSync ? "marked" : "not marked"
                    report(
                        .fragment, "moof/traf/trun",
                        "sample \(index + 1) is \(isIDR ? "an" : "no") IDR picture, but \(marked) as a key frame")
                }
            } else {
                isIDR = sample.isSync
            }
            if index == 0 { facts.startsWithIDR = isIDR }
            if isIDR { facts.keyTimes.append(sample.presentationTime) }
        }
    }
}
