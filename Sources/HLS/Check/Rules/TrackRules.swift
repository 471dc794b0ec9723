// SPDX-License-Identifier: Apache-2.0

/// What the tracks of a rendition have to be (Apple's sections 1 and 2).
enum TrackRules {
    private static let naturalRates = [23.976, 24, 25, 29.97, 30, 50, 59.94, 60]
    private static let videoEntries: Set = [
        "avc1", "avc3", "hvc1", "hev1", "dvh1", "dvhe", "av01", "mjpg", "jpeg",
    ]

    static func check(_ rendition: RenditionFacts, into findings: inout FindingList) {
        let place = rendition.place
        for track in rendition.tracks {
            switch track.kind {
            case .video: checkVideo(track, rendition, place, &findings)
            case .audio: checkAudio(track, rendition, place, &findings)
            case .subtitles, .other: break
            }
        }
        if rendition.video != nil, rendition.audio != nil {
            findings.add(.separateStreams, place, "the segments hold both video and sound")
        }
        if rendition.role == .subtitles { checkSubtitles(rendition, place, &findings) }
    }

    private static func checkVideo(
        _ track: TrackFacts, _ rendition: RenditionFacts, _ place: String, _ findings: inout FindingList
    ) {
        let isPlainImage = track.entry == "mjpg" || track.entry == "jpeg"
        if !videoEntries.contains(track.entry) || isPlainImage && rendition.role != .iFrames {
            findings.add(.codecFamily, place, "the video is \(FindingList.shown(track.entry))")
        }
        if ["avc3", "hev1", "dvhe"].contains(track.entry) {
            findings.add(.parameterSets, place, "the sample entry is \(track.entry)")
        }
        if let hevc = track.hevc, ![1, 2].contains(hevc.profile) || hevc.level > 153 {
            findings.add(
                .hevcProfileLevel, place,
                "HEVC has profile \(hevc.profile) and level \(decimal(Double(hevc.level) / 30, places: 1))")
        }
        if let set = track.sequence { checkH264(set, rendition, place, &findings) }
        guard rendition.role != .iFrames, let rate = rendition.framesPerSecond else { return }
        if rate > 60.01 {
            findings.add(.frameRateMaximum, place, "the frame rate is \(decimal(rate, places: 3))")
        } else if !naturalRates.contains(where: { abs($0 - rate) < 0.0006 * $0 }) {
            findings.add(.naturalFrameRate, place, "the frame rate is \(decimal(rate, places: 3))")
        }
    }

    private static func checkH264(
        _ set: SequenceParameterSet, _ rendition: RenditionFacts, _ place: String, _ findings: inout FindingList
    ) {
        if ![66, 77, 88, 100].contains(set.profile) || set.level > 52 || set.bitDepth > 8 {
            findings.add(
                .h264ProfileLevel, place,
                "the profile is \(set.profile), the level \(set.level), with \(set.bitDepth) bits")
        } else if set.profile != 100 {
            findings.add(.highProfile, place, "the profile is \(set.profile), not 100 (High)")
        }
        if set.isInterlaced { findings.add(.interlaced, place, "the pictures may be coded as fields") }
        if let aspect = set.pixelAspect, aspect.width != aspect.height {
            findings.add(.pixelAspect, place, "a pixel is \(aspect.width):\(aspect.height)")
        }
        guard rendition.role != .iFrames, let rate = rendition.framesPerSecond, rendition.isMeasured,
            let lowest = H264Level.lowest(set, framesPerSecond: rate, bitsPerSecond: rendition.peakBitsPerSecond)
        else { return }
        if set.level > lowest, !(set.level == 11 && lowest == 10) {
            findings.add(.levelNeeded, place, "the level is \(set.level), but \(lowest) is enough")
        }
    }

    private static func checkAudio(
        _ track: TrackFacts, _ rendition: RenditionFacts, _ place: String, _ findings: inout FindingList
    ) {
        if !track.hasLoudness {
            findings.add(.loudness, place, "track \(track.identifier) has no loudness box")
        }
        guard let audio = track.audio, rendition.video == nil, rendition.isMeasured else { return }
        let rate = rendition.averageBitsPerSecond
        if audio.isHighEfficiency, rate > 64_000 {
            findings.add(.highEfficiencyAudio, place, "HE-AAC takes \(rate) bits a second")
        }
        // The container takes some of the rate.
        if audio.isAAC, audio.channels == 2, rate > 168_000 {
            findings.add(.audioRate, place, "stereo AAC takes \(rate) bits a second")
        }
    }

    private static func checkSubtitles(_ rendition: RenditionFacts, _ place: String, _ findings: inout FindingList) {
        let isText = rendition.segments.allSatisfy { $0.format == nil || $0.format == .webVTT }
        let isTimedText = !rendition.tracks.isEmpty && rendition.tracks.allSatisfy { $0.entry == "stpp" }
        if !isText, !isTimedText {
            findings.add(.subtitleFormat, place, "the subtitles are neither WebVTT nor IMSC1 in MP4")
        }
    }
}
