// SPDX-License-Identifier: Apache-2.0

/// Rates in bits per second.
struct MeasuredRates {
    var peak: Int
    var average: Int
}

extension PresentationFacts {
    /// What the attributes of variants say, beside what was measured (RFC 8216 section 4.3.4.2).
    func checkVariants(into findings: inout FindingList) {
        guard let multivariant else { return }
        for stream in multivariant.streams {
            guard let rendition = rendition(stream.uri) else { continue }
            let place = "\(multivariant.place):\(stream.line)"
            if let rates = rates(stream) {
                checkRates(stream, rates, isGrowing: rendition.media?.isComplete == false, place, &findings)
            }
            checkCodecs(stream, rendition, place, &findings)
            checkPicture(stream, rendition, place, &findings)
        }
        for member in multivariant.members where member.kind == .audio {
            checkChannels(member, multivariant, &findings)
        }
    }

    /// The largest sum of any playable combination: of each group a player takes one member. Nil when a part of it was
    /// not measured.
    func rates(_ stream: MultivariantFacts.Stream) -> MeasuredRates? {
        guard let main = rendition(stream.uri), main.isMeasured else { return nil }
        var rates = MeasuredRates(peak: main.peakBitsPerSecond, average: main.averageBitsPerSecond)
        for kind in [Rendition.Kind.audio, .video, .subtitles] {
            let members = group(kind, of: stream).filter { $0.reference != main.reference }
            guard members.allSatisfy(\.isMeasured) else { return nil }
            let isInstead = kind == .video || kind == .audio && main.video == nil && main.audio != nil
            if isInstead, let peak = members.map(\.peakBitsPerSecond).max() {
                // An alternative picture takes the place of the variant's own; so does the sound of sound alone.
                rates.peak = max(rates.peak, peak)
                rates.average = max(rates.average, members.map(\.averageBitsPerSecond).max() ?? 0)
            } else {
                rates.peak += members.map(\.peakBitsPerSecond).max() ?? 0
                rates.average += members.map(\.averageBitsPerSecond).max() ?? 0
            }
        }
        return rates
    }

    private func checkRates(
        _ stream: MultivariantFacts.Stream, _ rates: MeasuredRates, isGrowing: Bool, _ place: String,
        _ findings: inout FindingList
    ) {
        if let declared = stream.bandwidth {
            let sentence = "BANDWIDTH is \(declared), the measured peak \(rates.peak)"
            if isGrowing {
                if Double(rates.peak) >= Double(declared) * 1.25 { findings.add(.livePeak, place, sentence) }
            } else {
                if isBelow(declared, rates.peak) { findings.add(.bandwidth, place, sentence) }
                if !isNear(declared, rates.peak) { findings.add(.measuredPeak, place, sentence) }
            }
        }
        guard let declared = stream.averageBandwidth, !isGrowing else { return }
        let sentence = "AVERAGE-BANDWIDTH is \(declared), the measured average \(rates.average)"
        if isBelow(declared, rates.average) { findings.add(.averageBandwidth, place, sentence) }
        if !isNear(declared, rates.average) { findings.add(.measuredAverage, place, sentence) }
        if !stream.isIFrames, rates.peak > 2 * rates.average {
            findings.add(.peakToAverage, place, "the peak is \(rates.peak), the average \(rates.average) bits a second")
        }
    }

    /// EXTINF is rounded, and so may be the rates that were made from it: one percent is left for that.
    private func isBelow(_ declared: Int, _ measured: Int) -> Bool { Double(declared) * 1.01 < Double(measured) - 1 }

    private func isNear(_ declared: Int, _ measured: Int) -> Bool {
        (0.9 * Double(declared)...1.1 * Double(max(declared, 1))).contains(Double(measured))
    }

    private func checkCodecs(
        _ stream: MultivariantFacts.Stream, _ rendition: RenditionFacts, _ place: String,
        _ findings: inout FindingList
    ) {
        guard let declared = stream.codecs else { return }
        let parts = [rendition] + [.audio, .video, .subtitles].flatMap { group($0, of: stream) }
        let tracks = parts.flatMap(\.tracks)
        // Where something was not understood nobody can say what is missing.
        guard parts.allSatisfy({ !$0.tracks.isEmpty || $0.isText }), !tracks.isEmpty else { return }
        for track in tracks where !declared.contains(where: { track.isNamed(by: $0) }) {
            let codec = track.codec ?? track.entry
            findings.add(.codecs, place, "CODECS lacks \(FindingList.shown(codec)), which is there")
        }
        for name in Set(declared).sorted() where !tracks.contains(where: { $0.isNamed(by: name) }) {
            if name == "wvtt", parts.contains(where: \.isText) { continue }
            findings.add(.codecs, place, "CODECS names \(FindingList.shown(name)), which is not there")
        }
    }

    private func checkPicture(
        _ stream: MultivariantFacts.Stream, _ rendition: RenditionFacts, _ place: String,
        _ findings: inout FindingList
    ) {
        guard let video = rendition.video else {
            if rendition.isTransport, stream.resolution == nil {
                findings.add(.resolution, place, "RESOLUTION is missing")
            }
            return
        }
        let rule: CheckRule = stream.isIFrames ? .iFrameResolution : .resolution
        if let size = stream.resolution, let seen = video.displaySize, size != seen, size != video.size {
            findings.add(rule, place, "RESOLUTION is \(size), the pictures are \(seen)")
        }
        if stream.resolution == nil, !stream.isIFrames { findings.add(rule, place, "RESOLUTION is missing") }
        let range = video.colour?.videoRange ?? "SDR"
        if stream.videoRange ?? "SDR" != range {
            findings.add(
                .videoRange, place, "VIDEO-RANGE is \(stream.videoRange ?? "missing"), the pictures are \(range)")
        }
        guard !stream.isIFrames else { return }
        guard let declared = stream.frameRate else {
            return findings.add(.frameRatePresent, place, "FRAME-RATE is missing")
        }
        if let seen = rendition.framesPerSecond, abs(seen - declared) > 0.0006 * seen {
            findings.add(
                .frameRate, place,
                "FRAME-RATE is \(decimal(declared, places: 3)), the pictures have \(decimal(seen, places: 3))")
        }
    }

    private func checkChannels(
        _ member: MultivariantFacts.Member, _ multivariant: MultivariantFacts, _ findings: inout FindingList
    ) {
        guard let declared = member.channels?.split(separator: "/").first.flatMap({ Int($0) }),
            let seen = rendition(member.uri)?.audio?.audio?.channels, seen > 0, seen != declared
        else { return }
        findings.add(
            .channels, "\(multivariant.place):\(member.line)", "CHANNELS is \(declared), the sound has \(seen)")
    }
}

extension RenditionFacts {
    var isText: Bool { segments.contains { $0.format == .webVTT } }
}
