// SPDX-License-Identifier: Apache-2.0

extension PresentationFacts {
    /// What all renditions have in common (RFC 8216 section 6.2.4, Apple's section 8).
    func checkMatches(into findings: inout FindingList) {
        checkTargets(&findings)
        checkTypes(&findings)
        checkLengths(&findings)
        checkBoundaries(&findings)
        checkDiscontinuities(&findings)
        checkIndependence(&findings)
    }

    private func checkTargets(_ findings: inout FindingList) {
        let targets = played.compactMap { rendition in
            rendition.media?.targetDurationSeconds.map { (rendition: rendition, seconds: $0) }
        }
        guard let first = targets.first else { return }
        for other in targets.dropFirst() where other.seconds != first.seconds {
            let sentence =
                "the target duration is \(other.seconds) s, that of \(first.rendition.place) \(first.seconds) s"
            findings.add(.sameTarget, other.rendition.place, sentence)
            if other.rendition.role != first.rendition.role {
                findings.add(.sameTargetOfSound, other.rendition.place, sentence)
            }
        }
    }

    private func checkTypes(_ findings: inout FindingList) {
        let all = renditions.filter { $0.media != nil }
        guard let first = all.first else { return }
        for other in all.dropFirst() where other.media?.kind != first.media?.kind {
            findings.add(
                .sameType, other.place,
                "the type is \(other.media?.kind?.rawValue ?? "missing"), that of \(first.place) "
                    + "\(first.media?.kind?.rawValue ?? "missing")")
        }
    }

    private func checkLengths(_ findings: inout FindingList) {
        let measured = played.filter { $0.media?.isComplete == true && $0.startSeconds != nil }
        guard let first = measured.first, let length = first.sampleSeconds, let start = first.startSeconds else {
            return
        }
        for other in measured.dropFirst() {
            guard let otherLength = other.sampleSeconds, let otherStart = other.startSeconds else { continue }
            // Frames of sound and of video do not end together.
            let tolerance = max(first.sampleSecondsMax, other.sampleSecondsMax) + 0.001
            if abs(otherLength - length) > tolerance {
                let isMixed = (first.video == nil) != (other.video == nil)
                findings.add(
                    isMixed ? .sameDuration : .sameRange, other.place,
                    "there are \(decimal(otherLength, places: 3)) s, in \(first.place) \(decimal(length, places: 3)) s")
            }
            if abs(otherStart - start) > tolerance {
                findings.add(
                    .sameRange, other.place,
                    "the first time is \(decimal(otherStart, places: 3)) s, in \(first.place) \(decimal(start, places: 3)) s"
                )
            }
        }
    }

    private func checkBoundaries(_ findings: inout FindingList) {
        guard let first = played.first(where: { $0.startSeconds != nil }) else { return }
        for other in played where other.reference != first.reference && other.startSeconds != nil {
            let areComplete = first.media?.isComplete == true && other.media?.isComplete == true
            if areComplete, other.segments.count != first.segments.count {
                findings.add(
                    .sameBoundaries, other.place,
                    "there are \(other.segments.count) segments, in \(first.place) \(first.segments.count)")
            }
            let isVideo = first.video != nil && other.video != nil
            let tolerance =
                isVideo
                ? 0.5 * min(first.sampleSecondsMax, other.sampleSecondsMax)
                : max(first.sampleSecondsMax, other.sampleSecondsMax)
            for (number, pair) in zip(first.segments, other.segments).enumerated() {
                guard let one = pair.0.facts, let two = pair.1.facts, let media = other.media else { continue }
                let difference = abs(one.startSeconds - two.startSeconds)
                guard difference > tolerance + 0.001 else { continue }
                let sentence =
                    "segment \(number) starts at \(decimal(two.startSeconds, places: 3)) s, in \(first.place) at "
                    + "\(decimal(one.startSeconds, places: 3)) s"
                findings.add(.sameBoundaries, media.segmentPlace(number), sentence)
                // Numbers mean the same content only where the lists are equally long.
                if isVideo, number == 0 || other.segments.count == first.segments.count {
                    findings.add(.sameTimestamps, media.segmentPlace(number), sentence)
                }
            }
        }
    }

    private func checkDiscontinuities(_ findings: inout FindingList) {
        func places(_ rendition: RenditionFacts) -> [Int] {
            rendition.media?.entries.indices.filter { rendition.media?.entries[$0].segment.isDiscontinuous == true }
                ?? []
        }
        guard let first = played.first(where: { $0.media != nil }) else { return }
        for other in played where other.media != nil && other.segments.count == first.segments.count {
            if places(other) != places(first) {
                findings.add(
                    .sameDiscontinuities, other.place, "the discontinuities are not at the places of \(first.place)")
            }
        }
    }

    private func checkIndependence(_ findings: inout FindingList) {
        guard let multivariant, !multivariant.independentSegments else {
            return checkTruth(&findings)
        }
        let starting = videos.filter { video in
            let facts = video.segments.compactMap(\.facts)
            return !facts.isEmpty && facts.allSatisfy(\.startsWithIDR)
        }
        guard !starting.isEmpty else { return }
        let place = multivariant.place
        findings.add(
            .independentInMultivariant, place, "EXT-X-INDEPENDENT-SEGMENTS is not in the multivariant playlist")
        for video in starting where video.media?.independentSegments == false {
            findings.add(
                .independentAnywhere, video.place,
                "EXT-X-INDEPENDENT-SEGMENTS is neither here nor in the multivariant playlist")
        }
    }

    /// EXT-X-INDEPENDENT-SEGMENTS of the multivariant playlist speaks for all segments (RFC 8216 section 4.3.5.1).
    private func checkTruth(_ findings: inout FindingList) {
        guard multivariant != nil else { return }
        for video in videos where video.media?.independentSegments == false {
            for (number, segment) in video.segments.enumerated() {
                guard let facts = segment.facts, let media = video.media, !facts.startsWithIDR || !facts.isClosed else {
                    continue
                }
                findings.add(
                    .independentSegments, media.segmentPlace(number), "the segment needs the one before it")
            }
        }
    }
}
