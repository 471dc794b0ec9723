// SPDX-License-Identifier: Apache-2.0

/// Tells what kind of segment some bytes are (RFC 8216 section 3) and reads the facts of it.
struct SegmentReader {
    let bytes: [UInt8]
    let place: String
    let entry: MediaFacts.Entry
    let initialization: InitializationFacts?
    let isIFrame: Bool
    let limits: CheckLimits

    private static let packetBytes = 188
    private static let syncByte: UInt8 = 0x47
    /// Boxes with which a segment of MP4 may begin.
    private static let firstBoxes: Set = ["styp", "ftyp", "sidx", "emsg", "prft", "free", "moof", "mdat"]
    /// The PMT has to be among the first packets.
    private static let headPackets = 8

    func read(into segment: inout RenditionFacts.Segment, _ findings: inout FindingList) {
        if entry.segment.key?.method == .aes128 {
            segment.format = .encrypted
            if bytes.isEmpty || !bytes.count.isMultiple(of: 16) {
                findings.add(.paddedSegment, place, "\(bytes.count) bytes are not a whole number of blocks of 16 bytes")
            }
            return
        }
        if bytes.starts(with: "WEBVTT".utf8) || bytes.starts(with: [0xEF, 0xBB, 0xBF] + Array("WEBVTT".utf8)) {
            return readWebVTT(into: &segment, &findings)
        }
        if bytes.first == Self.syncByte {
            segment.format = .transportStream
            return readTransportStream(&findings)
        }
        if bytes.starts(with: "ID3".utf8) {
            segment.format = .packedAudio
            return
        }
        if Address.hasExtension(entry.segment.uri, ["vtt", "webvtt"]) {
            segment.format = .webVTT
            return findings.add(.webVTT, place, "the segment does not begin with WEBVTT")
        }
        readFragments(into: &segment, &findings)
    }

    private func readFragments(into segment: inout RenditionFacts.Segment, _ findings: inout FindingList) {
        guard bytes.count >= 8, Self.firstBoxes.contains(String(decoding: bytes[4..<8], as: UTF8.self)) else {
            return findings.add(.segment, place, "it is neither MP4, nor MPEG-TS, packed audio or WebVTT")
        }
        segment.format = .mp4
        guard entry.map != nil else {
            return findings.add(.mapPresent, place, "there is no EXT-X-MAP for this segment of MP4")
        }
        guard let initialization else { return }
        segment.facts = FragmentReader.read(
            bytes, place: place, initialization: initialization, isIFrame: isIFrame, limits: limits, into: &findings)
    }

    private func readTransportStream(_ findings: inout FindingList) {
        guard bytes.count.isMultiple(of: Self.packetBytes),
            stride(from: 0, to: bytes.count, by: Self.packetBytes).allSatisfy({ bytes[$0] == Self.syncByte })
        else { return findings.add(.transportStream, place, "it does not consist of packets of 188 bytes") }
        let identifiers = stride(
            from: 0, to: min(bytes.count, Self.headPackets * Self.packetBytes), by: Self.packetBytes
        )
        .map { Int(bytes[$0 + 1] & 0x1F) << 8 | Int(bytes[$0 + 2]) }
        let isTableFirst = identifiers.first == 0 || identifiers.first == 0x11 && identifiers.dropFirst().first == 0
        guard isTableFirst, let map = programMap(at: identifiers.firstIndex(of: 0) ?? 0), identifiers.contains(map)
        else { return findings.add(.transportStream, place, "it does not begin with PAT and PMT") }
    }

    /// The packet identifier of the first program of the PAT (ISO/IEC 13818-1 section 2.4.4.3).
    private func programMap(at packet: Int) -> Int? {
        let start = packet * Self.packetBytes
        var reader = ByteReader(bytes, start..<start + Self.packetBytes)
        guard reader.skip(3), let flags = reader.number(1) else { return nil }
        if flags & 0x20 != 0 {
            guard let length = reader.number(1), reader.skip(length) else { return nil }
        }
        guard let pointer = reader.number(1), reader.skip(pointer), reader.number(1) == 0, reader.skip(7) else {
            return nil
        }
        while let program = reader.number(2), let identifier = reader.number(2) {
            if program != 0 { return identifier & 0x1FFF }
        }
        return nil
    }

    private func readWebVTT(into segment: inout RenditionFacts.Segment, _ findings: inout FindingList) {
        segment.format = .webVTT
        let text = WebVTTSegment(bytes)
        if !text.hasHeader { findings.add(.webVTT, "\(place):1", "the first line is not WEBVTT") }
        for line in text.malformedLines {
            findings.add(
                .webVTTCues, "\(place):\(line)", "the times of the cue can not be read, or end before they start")
        }
        guard let map = text.timestampMap else {
            return findings.add(
                .timestampMap, place,
                text.hasTimestampMapLine ? "X-TIMESTAMP-MAP is malformed" : "there is no X-TIMESTAMP-MAP")
        }
        segment.lastCueStart = text.cues.map { $0.startSeconds + map.shiftSeconds }.max()
        segment.firstCueEnd = text.cues.map { $0.endSeconds + map.shiftSeconds }.min()
    }
}
