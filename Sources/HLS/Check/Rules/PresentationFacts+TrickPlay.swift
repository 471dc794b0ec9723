// SPDX-License-Identifier: Apache-2.0

extension PresentationFacts {
    /// I-frame playlists (Apple's section 6).
    func checkTrickPlay(into findings: inout FindingList) {
        guard let multivariant, !videos.isEmpty else { return }
        let streams = multivariant.streams.filter(\.isIFrames)
        guard !streams.isEmpty else {
            return findings.add(.iFramePlaylists, multivariant.place, "there is no EXT-X-I-FRAME-STREAM-INF")
        }
        if Set(streams.map(\.uri)).count < 2, Set(videos.map(\.reference)).count > 1 {
            findings.add(.severalIFramePlaylists, multivariant.place, "there is one I-frame playlist")
        }
        let lists = streams.compactMap { rendition($0.uri)?.media }
        let isDense = lists.contains { media in
            !media.entries.isEmpty && media.durationSeconds / Double(media.entries.count) <= 1.1
        }
        if !isDense, !lists.isEmpty {
            findings.add(.denseIFrames, multivariant.place, "no I-frame playlist has a picture each second")
        }
        guard let length = videos.lazy.compactMap({ $0.media?.durationSeconds }).first else { return }
        for media in lists where abs(media.durationSeconds - length) > frameSeconds + 0.001 && media.isComplete {
            findings.add(
                .sameRange, media.place,
                "the I frames stand for \(decimal(media.durationSeconds, places: 3)) s of \(decimal(length, places: 3)) s"
            )
        }
    }

    /// Subtitles last as long as the content and each segment holds its own cues (Apple's 5.5, RFC 8216 section 3.5).
    func checkSubtitles(into findings: inout FindingList) {
        guard let main = played.first(where: { $0.media != nil }), let length = main.media?.durationSeconds else {
            return
        }
        let start = main.startSeconds ?? 0
        for subtitles in renditions where subtitles.role == .subtitles {
            guard let media = subtitles.media, media.isComplete else { continue }
            if abs(media.durationSeconds - length) > max(frameSeconds, 0.05) {
                findings.add(
                    .subtitleLength, media.place,
                    "the subtitles last \(decimal(media.durationSeconds, places: 3)) s, the content "
                        + "\(decimal(length, places: 3)) s")
            }
            var time = start
            for (number, segment) in subtitles.segments.enumerated() {
                let end = time + media.entries[number].segment.durationSeconds
                if let last = segment.lastCueStart, let first = segment.firstCueEnd,
                    last > end + 0.1 || first < time - 0.1
                {
                    findings.add(
                        .webVTTCues, media.segmentPlace(number), "a cue is not inside the time of the segment")
                }
                time = end
            }
        }
    }
}
