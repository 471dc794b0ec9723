// SPDX-License-Identifier: Apache-2.0

/// Reads a media playlist and checks the rules that its text alone can break (RFC 8216 sections 4.3.2, 4.3.3 and 7).
struct MediaReader {
    private var facts: MediaFacts
    private let limits: CheckLimits
    private var findings = FindingList()
    private var durationSeconds: Double?
    private var rangeLine: PlaylistLine?
    private var map: MediaFacts.Map?
    private var key: EncryptionKey?
    private var isDiscontinuous = false
    private var discontinuities = 0
    /// The lowest version that the tags so far need, and the tag.
    private var needed = (version: 1, reason: "")
    private var mapLine: Int?

    static func read(
        _ text: PlaylistText, place: String, limits: CheckLimits, into findings: inout FindingList
    ) -> MediaFacts {
        var reader = MediaReader(place: place, limits: limits, findings)
        for line in text.lines { reader.consume(line) }
        reader.finish(version: text.version)
        findings = reader.findings
        return reader.facts
    }

    private init(place: String, limits: CheckLimits, _ findings: FindingList) {
        facts = MediaFacts(place: place)
        self.limits = limits
        self.findings = findings
    }

    private func at(_ line: PlaylistLine) -> String { "\(facts.place):\(line.number)" }

    /// Runs what may find a malformed value, which is then a finding of `rule`.
    private mutating func attempt<T>(
        _ rule: CheckRule, _ line: PlaylistLine, _ body: () throws(PlaylistError) -> T
    ) -> T? {
        do throws(PlaylistError) {
            return try body()
        } catch {
            findings.add(rule, at(line), "\(line.tag ?? "URI"): \(error.problem)")
            return nil
        }
    }

    private mutating func need(_ version: Int, _ reason: String) {
        if version > needed.version { needed = (version, reason) }
    }

    private mutating func consume(_ line: PlaylistLine) {
        guard let tag = line.tag else { return addSegment(line) }
        switch tag {
        case "EXT-X-TARGETDURATION":
            let seconds = attempt(.targetDuration, line) { () throws(PlaylistError) in try line.integer(max: 1_000_000)
            }
            if facts.targetDurationSeconds == nil { facts.targetDurationSeconds = seconds }
        case "EXT-X-MEDIA-SEQUENCE": sequence(line)
        case "EXT-X-DISCONTINUITY-SEQUENCE": discontinuitySequence(line)
        case "EXT-X-PLAYLIST-TYPE":
            facts.kind = MediaPlaylist.Kind(rawValue: line.value)
            if facts.kind == nil { findings.add(.playlistType, at(line), "the type is neither VOD nor EVENT") }
        case "EXT-X-INDEPENDENT-SEGMENTS": facts.independentSegments = true
        case "EXT-X-I-FRAMES-ONLY":
            facts.iFramesOnly = true
            need(4, "EXT-X-I-FRAMES-ONLY")
        case "EXT-X-ENDLIST": facts.isComplete = true
        case "EXT-X-PROGRAM-DATE-TIME": facts.hasProgramDateTime = true
        case "EXTINF": duration(line)
        case "EXT-X-BYTERANGE":
            rangeLine = line
            need(4, tag)
        case "EXT-X-DISCONTINUITY": discontinue()
        case "EXT-X-MAP": readMap(line)
        case "EXT-X-KEY": readKey(line)
        default: break
        }
    }

    private mutating func sequence(_ line: PlaylistLine) {
        if !facts.entries.isEmpty { findings.add(.mediaSequence, at(line), "the tag is behind the first segment") }
        let number = attempt(.mediaSequence, line) { () throws(PlaylistError) in try line.integer() }
        facts.mediaSequence = number ?? 0
    }

    private mutating func discontinuitySequence(_ line: PlaylistLine) {
        if !facts.entries.isEmpty || discontinuities > 0 {
            findings.add(
                .discontinuitySequence, at(line), "the tag is behind the first segment or an EXT-X-DISCONTINUITY")
        }
        let number = attempt(.discontinuitySequence, line) { () throws(PlaylistError) in try line.integer() }
        facts.discontinuitySequence = number ?? 0
    }

    private mutating func discontinue() {
        isDiscontinuous = true
        discontinuities += 1
    }

    private mutating func duration(_ line: PlaylistLine) {
        if durationSeconds != nil { findings.add(.extinf, at(line), "the EXTINF before this one has no segment") }
        let parts = line.value.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
        let number = String(parts.first ?? "").trimmed
        if parts.count < 2 { findings.add(.extinf, at(line), "EXTINF has no comma behind its duration") }
        if number.contains(".") { need(3, "a duration with decimals") }
        durationSeconds = attempt(.extinf, line) { () throws(PlaylistError) in try line.float(number) } ?? 0
    }

    private mutating func addSegment(_ line: PlaylistLine) {
        if durationSeconds == nil { findings.add(.extinf, at(line), "the segment has no EXTINF") }
        defer {
            durationSeconds = nil
            rangeLine = nil
            isDiscontinuous = false
        }
        guard facts.entries.count < limits.segmentsMax else {
            if facts.entries.count == limits.segmentsMax {
                findings.add(.limit, at(line), "segments beyond \(limits.segmentsMax) were not looked at")
            }
            return
        }
        let segment = MediaSegment(
            uri: line.text, durationSeconds: durationSeconds ?? 0, key: key, isDiscontinuous: isDiscontinuous)
        facts.entries.append(
            MediaFacts.Entry(
                line: line.number, segment: segment, range: rangeLine.flatMap { range($0, uri: line.text) }, map: map,
                discontinuities: facts.discontinuitySequence + discontinuities))
    }

    private mutating func range(_ line: PlaylistLine, uri: String) -> Range<Int>? {
        let parsed = attempt(.byteRange, line) { () throws(PlaylistError) in try line.byteRange(line.value) }
        guard let parsed else { return nil }
        if let offset = parsed.offset { return offset..<offset + parsed.length }
        guard let last = facts.entries.last, last.segment.uri == uri, let range = last.range else {
            findings.add(.byteRange, at(line), "there is no offset, and no range of the same resource before it")
            return nil
        }
        return range.upperBound..<range.upperBound + parsed.length
    }

    private mutating func readMap(_ line: PlaylistLine) {
        mapLine = mapLine ?? line.number
        guard let attributes = PlaylistText.attributes(line, facts.place, &findings) else { return }
        guard let uri = attributes["URI"], !uri.isEmpty, attributes.isQuoted("URI") else {
            findings.add(.map, at(line), "EXT-X-MAP has no URI in quotes")
            return
        }
        var range: Range<Int>?
        if let text = attributes["BYTERANGE"] {
            let parsed = attempt(.map, line) { () throws(PlaylistError) in try line.byteRange(text) }
            range = parsed.map { ($0.offset ?? 0)..<($0.offset ?? 0) + $0.length }
        }
        map = MediaFacts.Map(uri: uri, range: range, isEncrypted: key?.method == .aes128)
        if key?.method == .aes128, key?.initializationVector == nil {
            findings.add(.mapVector, at(line), "the initialization section is encrypted, but its EXT-X-KEY has no IV")
        }
    }

    private mutating func readKey(_ line: PlaylistLine) {
        key = nil
        guard let attributes = PlaylistText.attributes(line, facts.place, &findings) else { return }
        guard let name = attributes["METHOD"] else {
            findings.add(.key, at(line), "EXT-X-KEY has no METHOD")
            return
        }
        if attributes["KEYFORMAT"] != nil || attributes["KEYFORMATVERSIONS"] != nil { need(5, "KEYFORMAT") }
        guard name != "NONE" else { return }
        guard let method = EncryptionKey.Method(rawValue: name) else {
            findings.add(.key, at(line), "the METHOD is neither NONE, AES-128 nor SAMPLE-AES")
            return
        }
        guard let uri = attributes["URI"], !uri.isEmpty, attributes.isQuoted("URI") else {
            findings.add(.key, at(line), "EXT-X-KEY has no URI in quotes")
            return
        }
        let vector = attributes["IV"]
        if let vector {
            need(2, "the IV of EXT-X-KEY")
            let digits = vector.dropFirst(2)
            if !vector.lowercased().hasPrefix("0x") || !(1...32).contains(digits.count)
                || !digits.allSatisfy(\.isHexDigit)
            {
                findings.add(.key, at(line), "the IV is not 0x and up to 32 hexadecimal digits")
            }
        }
        key = EncryptionKey(method: method, uri: uri, initializationVector: vector)
        let isKnownFormat = (attributes["KEYFORMAT"] ?? "identity") == "identity"
        if isKnownFormat, !facts.keys.contains(uri), facts.keys.count < limits.renditionsMax { facts.keys.append(uri) }
    }

    private mutating func finish(version: Int) {
        facts.version = version
        if durationSeconds != nil { findings.add(.extinf, facts.place, "the last EXTINF has no segment") }
        if mapLine != nil {
            if facts.iFramesOnly { need(5, "EXT-X-MAP") } else { need(6, "EXT-X-MAP without EXT-X-I-FRAMES-ONLY") }
        }
        if needed.version > version {
            findings.add(
                .versionOfTags, facts.place, "the version is \(version), but \(needed.reason) needs \(needed.version)")
        }
        checkTarget()
        if facts.kind == .vod, !facts.isComplete {
            findings.add(.playlistType, facts.place, "a playlist of type VOD has no EXT-X-ENDLIST")
        }
    }

    private mutating func checkTarget() {
        guard let target = facts.targetDurationSeconds else {
            findings.add(.targetDuration, facts.place, "EXT-X-TARGETDURATION is missing")
            return
        }
        for entry in facts.entries where entry.segment.durationSeconds.rounded() > Double(target) {
            findings.add(
                .targetDuration, "\(facts.place):\(entry.line)",
                "\(decimal(entry.segment.durationSeconds, places: 3)) s are longer than the target of \(target) s")
        }
    }
}
