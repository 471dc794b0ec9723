// SPDX-License-Identifier: Apache-2.0

/// What one media playlist and its segments have to be by themselves.
struct RenditionRules {
    private let rendition: RenditionFacts
    private let media: MediaFacts
    private var findings: FindingList

    /// Two times of a playlist that should be equal may differ by its rounding.
    private static let roundingSeconds = 0.001

    static func check(_ rendition: RenditionFacts, into findings: inout FindingList) {
        guard let media = rendition.media else { return }
        var rules = RenditionRules(rendition: rendition, media: media, findings: findings)
        rules.checkPlaylist()
        rules.checkDurations()
        rules.checkTimes()
        rules.checkChanges()
        rules.noteWhatWasNotRead()
        if rendition.role == .iFrames { rules.checkIFrames() } else if rendition.video != nil { rules.checkPictures() }
        findings = rules.findings
        TrackRules.check(rendition, into: &findings)
    }

    private func at(_ number: Int) -> String { "\(media.place):\(media.entries[number].line)" }

    private mutating func checkPlaylist() {
        if media.entries.isEmpty { findings.add(.segment, media.place, "the playlist has no segments") }
        if media.isComplete, media.kind == nil {
            findings.add(.typeOfVOD, media.place, "a finished playlist has no EXT-X-PLAYLIST-TYPE")
        }
        guard media.isLive else { return }
        if !media.hasProgramDateTime {
            findings.add(.programDateTime, media.place, "a live playlist has no EXT-X-PROGRAM-DATE-TIME")
        }
        if media.entries.count < 6 {
            findings.add(.liveSegments, media.place, "a live playlist has \(media.entries.count) segments")
        }
    }

    private mutating func checkDurations() {
        guard let target = media.targetDurationSeconds, rendition.role != .subtitles, rendition.role != .iFrames else {
            return
        }
        if target != 6 { findings.add(.targetOfSix, media.place, "the target duration is \(target) s") }
        for (number, entry) in media.entries.enumerated() {
            let seconds = max(entry.segment.durationSeconds, rendition.segments[number].facts?.seconds ?? 0)
            if seconds > Double(target) + 0.5 + Self.roundingSeconds {
                findings.add(.segmentMaximum, at(number), "the segment takes \(decimal(seconds, places: 3)) s")
            }
        }
        let usual = media.entries.dropLast().map(\.segment.durationSeconds).sorted()
        if let median = usual.isEmpty ? nil : usual[usual.count / 2], abs(median - 6) > 0.5 {
            findings.add(.segmentsOfSix, media.place, "segments usually take \(decimal(median, places: 3)) s")
        }
    }

    private mutating func checkTimes() {
        guard rendition.role != .iFrames else { return }
        var previous: (number: Int, facts: SegmentFacts)?
        for (number, segment) in rendition.segments.enumerated() {
            guard let facts = segment.facts else { continue }
            if let last = previous, last.number == number - 1, !media.entries[number].segment.isDiscontinuous,
                last.facts.timescale == facts.timescale
            {
                let expected = last.facts.decodeTime + last.facts.duration
                if facts.decodeTime != expected {
                    findings.add(
                        .decodeTimes, media.segmentPlace(number) + " box moof/traf/tfdt",
                        "the decode time is \(facts.decodeTime), but the segment before ends at \(expected)")
                }
            }
            previous = (number, facts)
        }
        checkSums()
    }

    /// Apple's 8.1: the error of the sum of any run is the difference of two errors of sums from the start.
    private mutating func checkSums() {
        let frame = rendition.sampleSecondsMax
        guard frame > 0 else { return }
        var error = 0.0
        var (least, most) = (0.0, 0.0)
        for (number, segment) in rendition.segments.enumerated() {
            guard let facts = segment.facts else { return }
            error += media.entries[number].segment.durationSeconds - facts.seconds
            (least, most) = (min(least, error), max(most, error))
            if most - least > frame + Self.roundingSeconds {
                return findings.add(
                    .accurateDurations, at(number),
                    "the sum of EXTINF is off by \(decimal(most - least, places: 3)) s, a frame takes "
                        + "\(decimal(frame, places: 3)) s")
            }
        }
    }

    /// What changes inside a playlist has to be marked (RFC 8216 section 4.3.2.3, Apple's 8.14).
    private mutating func checkChanges() {
        guard rendition.role != .iFrames else { return }
        for number in media.entries.indices.dropFirst() where !media.entries[number].segment.isDiscontinuous {
            let (before, now) = (rendition.segments[number - 1], rendition.segments[number])
            if let one = before.format, let other = now.format, one != other {
                findings.add(.discontinuity, at(number), "the kind of the segments changes without EXT-X-DISCONTINUITY")
            }
            guard let one = before.facts, let other = now.facts else { continue }
            if one.track != other.track || one.timescale != other.timescale
                || codec(number - 1, one) != codec(number, other)
            {
                findings.add(.discontinuity, at(number), "the tracks change without EXT-X-DISCONTINUITY")
            }
            // A short last segment tells its rate less exactly.
            let isVideo = rendition.video != nil && one.sampleCount > 5 && other.sampleCount > 5
            if isVideo, abs(one.samplesPerSecond - other.samplesPerSecond) > 0.1 * one.samplesPerSecond {
                findings.add(
                    .frameRateChange, at(number),
                    "the frame rate changes from \(decimal(one.samplesPerSecond, places: 3)) to "
                        + "\(decimal(other.samplesPerSecond, places: 3)) without EXT-X-DISCONTINUITY")
            }
        }
    }

    private func codec(_ number: Int, _ facts: SegmentFacts) -> String? {
        media.entries[number].map.flatMap { rendition.initializations[$0]?.track(facts.track) }?.codec
    }

    private mutating func checkPictures() {
        for (number, segment) in rendition.segments.enumerated() {
            guard let facts = segment.facts else { continue }
            let place = media.segmentPlace(number)
            if !facts.startsWithIDR { findings.add(.startsWithIDR, place, "the first picture is no IDR picture") }
            if !facts.startsWithIDR || !facts.isClosed, media.independentSegments {
                findings.add(.independentSegments, place, "the segment needs the one before it")
            }
        }
        checkKeyFrames()
    }

    private mutating func checkKeyFrames() {
        var last: (time: Int, facts: SegmentFacts)?
        for (number, segment) in rendition.segments.enumerated() {
            guard let facts = segment.facts else {
                last = nil
                continue
            }
            let frame = Double(facts.sampleDurationMax) / Double(facts.timescale)
            let end = facts.decodeTime + facts.duration
            for time in facts.keyTimes + (number == rendition.segments.count - 1 ? [end] : []) {
                if let last, last.facts.timescale == facts.timescale, !media.entries[number].segment.isDiscontinuous {
                    let seconds = Double(time - last.time) / Double(facts.timescale)
                    if seconds > 2 + frame + Self.roundingSeconds {
                        findings.add(
                            .keyFrameDistance, media.segmentPlace(number),
                            "\(decimal(seconds, places: 3)) s pass from one IDR picture to the next")
                    }
                }
                last = (time, facts)
            }
        }
    }

    private mutating func checkIFrames() {
        if !media.iFramesOnly {
            findings.add(.iFramesOnlyTag, media.place, "an I-frame playlist has no EXT-X-I-FRAMES-ONLY")
        }
        for (number, segment) in rendition.segments.enumerated() {
            guard let facts = segment.facts else { continue }
            let place = media.segmentPlace(number)
            if rendition.video?.lengthBytes != nil, !facts.startsWithIDR {
                findings.add(.iFramesOnly, place, "the first picture is no IDR picture")
            }
            if facts.firstSampleEnd > segment.bytes {
                findings.add(.iFramesOnly, place, "the range ends before its I frame does")
            }
        }
    }

    private mutating func noteWhatWasNotRead() {
        let formats = rendition.segments.compactMap(\.format)
        for (format, text) in [
            (RenditionFacts.Format.encrypted, "encrypted segments: only their lengths"),
            (.transportStream, "MPEG-TS beyond PAT and PMT"), (.packedAudio, "packed audio"),
        ] where formats.contains(format) {
            findings.add(.notRead, media.place, text)
        }
        if rendition.tracks.contains(where: \.isProtected) {
            findings.add(.notRead, media.place, "protected samples: only their sizes and times")
        }
    }
}
