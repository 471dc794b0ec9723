// SPDX-License-Identifier: Apache-2.0

/// Reads a multivariant playlist and checks the form of its tags (RFC 8216 section 4.3.4).
struct MultivariantReader {
    private var facts: MultivariantFacts
    private let limits: CheckLimits
    private var findings: FindingList
    /// A variant whose URI has not come yet.
    private var open: MultivariantFacts.Stream?

    static func read(
        _ text: PlaylistText, place: String, limits: CheckLimits, into findings: inout FindingList
    ) -> MultivariantFacts {
        var reader = MultivariantReader(place: place, limits: limits, findings)
        for line in text.lines { reader.consume(line) }
        reader.expectURI(before: nil)
        findings = reader.findings
        return reader.facts
    }

    private init(place: String, limits: CheckLimits, _ findings: FindingList) {
        facts = MultivariantFacts(place: place)
        self.limits = limits
        self.findings = findings
    }

    private func at(_ line: PlaylistLine) -> String { "\(facts.place):\(line.number)" }

    private mutating func consume(_ line: PlaylistLine) {
        guard let tag = line.tag else {
            if var stream = open {
                stream.uri = line.text
                append(stream, line)
            } else {
                findings.add(.streamInf, at(line), "the URI has no EXT-X-STREAM-INF before it")
            }
            open = nil
            return
        }
        expectURI(before: line)
        switch tag {
        case "EXT-X-INDEPENDENT-SEGMENTS": facts.independentSegments = true
        case "EXT-X-MEDIA": readMember(line)
        case "EXT-X-STREAM-INF": open = readStream(line, .streamInf)
        case "EXT-X-I-FRAME-STREAM-INF":
            guard var stream = readStream(line, .iFrameStreamInf) else { return }
            stream.isIFrames = true
            guard !stream.uri.isEmpty else {
                findings.add(.iFrameStreamInf, at(line), "EXT-X-I-FRAME-STREAM-INF has no URI in quotes")
                return
            }
            append(stream, line)
        default: break
        }
    }

    private mutating func expectURI(before line: PlaylistLine?) {
        guard let stream = open else { return }
        findings.add(.streamInf, "\(facts.place):\(stream.line)", "EXT-X-STREAM-INF is not followed by its URI")
        open = nil
    }

    private mutating func append(_ stream: MultivariantFacts.Stream, _ line: PlaylistLine) {
        if hasRoom(line) { facts.streams.append(stream) }
    }

    private mutating func hasRoom(_ line: PlaylistLine) -> Bool {
        if facts.streams.count + facts.members.count < limits.renditionsMax { return true }
        findings.add(.limit, at(line), "renditions beyond \(limits.renditionsMax) were not looked at")
        return false
    }

    /// Runs what may find a malformed value, which is then a finding of `rule`.
    private mutating func attempt<T>(
        _ rule: CheckRule, _ line: PlaylistLine, _ body: () throws(PlaylistError) -> T?
    ) -> T? {
        do throws(PlaylistError) {
            return try body()
        } catch {
            findings.add(rule, at(line), error.problem)
            return nil
        }
    }

    private mutating func readStream(_ line: PlaylistLine, _ rule: CheckRule) -> MultivariantFacts.Stream? {
        var stream = MultivariantFacts.Stream(line: line.number, uri: "")
        // Its URI line is then still taken as its own.
        guard let attributes = PlaylistText.attributes(line, facts.place, &findings) else { return stream }
        if attributes.isQuoted("URI") { stream.uri = attributes["URI"] ?? "" }
        stream.bandwidth = attempt(rule, line) { () throws(PlaylistError) in try attributes.integer("BANDWIDTH") }
        if attributes["BANDWIDTH"] == nil { findings.add(rule, at(line), "BANDWIDTH is missing") }
        stream.averageBandwidth = attempt(rule, line) { () throws(PlaylistError) in
            try attributes.integer("AVERAGE-BANDWIDTH")
        }
        stream.resolution = attempt(rule, line) { () throws(PlaylistError) in try attributes.resolution("RESOLUTION") }
        stream.frameRate = attempt(rule, line) { () throws(PlaylistError) in try attributes.float("FRAME-RATE") }
        stream.codecs = attributes["CODECS"]?.split(separator: ",").map { String($0).trimmed }
        if stream.codecs != nil, !attributes.isQuoted("CODECS") {
            findings.add(.attributes, at(line), "CODECS is not in quotes")
        }
        stream.videoRange = attributes["VIDEO-RANGE"]
        stream.hasScore = attributes["SCORE"] != nil
        for kind in [Rendition.Kind.audio, .video, .subtitles, .closedCaptions] {
            guard let group = attributes[kind.rawValue] else { continue }
            if kind == .closedCaptions, group == "NONE", !attributes.isQuoted(kind.rawValue) {
                stream.hasNoClosedCaptions = true
            } else {
                stream.groups[kind] = group
            }
        }
        return stream
    }

    private mutating func readMember(_ line: PlaylistLine) {
        guard hasRoom(line), let attributes = PlaylistText.attributes(line, facts.place, &findings) else { return }
        guard let kind = attributes["TYPE"].flatMap(Rendition.Kind.init), let group = attributes["GROUP-ID"],
            let name = attributes["NAME"], !group.isEmpty, !name.isEmpty
        else {
            findings.add(.media, at(line), "TYPE, GROUP-ID or NAME is missing, or the TYPE is not known")
            return
        }
        let member = MultivariantFacts.Member(
            line: line.number, kind: kind, group: group, name: name, uri: attributes["URI"],
            language: attributes["LANGUAGE"], channels: attributes["CHANNELS"],
            characteristics: attributes["CHARACTERISTICS"], isDefault: attributes["DEFAULT"] == "YES",
            isAutoselect: attributes["AUTOSELECT"] == "YES", isForced: attributes["FORCED"] == "YES")
        if member.isDefault, attributes["AUTOSELECT"] == "NO" {
            findings.add(.media, at(line), "DEFAULT is YES, but AUTOSELECT is NO")
        }
        if attributes["FORCED"] != nil, kind != .subtitles {
            findings.add(.media, at(line), "FORCED is for subtitles only")
        }
        if kind == .closedCaptions, attributes["INSTREAM-ID"] == nil || member.uri != nil {
            findings.add(.media, at(line), "closed captions need an INSTREAM-ID and have no URI")
        }
        if kind == .subtitles, member.uri == nil { findings.add(.media, at(line), "subtitles need a URI") }
        facts.members.append(member)
    }
}
