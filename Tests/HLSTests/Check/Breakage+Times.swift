// SPDX-License-Identifier: Apache-2.0

@testable import HLS

private let media = "240p/index.m3u8"
private let master = "master.m3u8"

extension Breakage {
    /// Times of segments, and of renditions beside each other.
    static let times = [
        Breakage(.decodeTimes, "a gap") { presentation in
            presentation.edit("240p/1.m4s", ["moof", "traf", "tfdt"]) { $0[$0.endIndex - 2] ^= 8 }
        },
        Breakage(.segmentsOfSix, shape: "of four seconds") {
            for index in $0.videos.indices { $0.videos[index].framesOfSegments = [100, 100, 100, 75] }
        },
        Breakage(.segmentMaximum, shape: "seven seconds") {
            for index in $0.videos.indices { $0.videos[index].framesOfSegments = [175, 150, 50] }
        },
        Breakage(.accurateDurations, "a tenth of a second") { $0.replace("6.000000", with: "5.900000", in: media) },
        Breakage(.accurateDurations, "little by little") {
            $0.replace("#EXTINF:6.000000", with: "#EXTINF:5.978000", in: media, everywhere: true)
        },
        Breakage(.sameTarget, "another target") { $0.replace("DURATION:6", with: "DURATION:8", in: media) },
        Breakage(.sameTargetOfSound, "another target") {
            $0.replace("DURATION:6", with: "DURATION:8", in: "audio/index.m3u8")
        },
        Breakage(.sameType, "an EVENT among VOD") { $0.replace("TYPE:VOD", with: "TYPE:EVENT", in: media) },
        Breakage(.sameTimestamps, shape: "a second later") { $0.videos[1].decodeTimeShift = 12_800 },
        Breakage(.sameRange, shape: "a second later") { $0.videos[1].decodeTimeShift = 12_800 },
        Breakage(.sameRange, shape: "a shorter variant") { $0.videos[1].framesOfSegments = [150, 150, 50] },
        Breakage(.sameRange, "fewer I frames") { presentation in
            let text = presentation.text("240p/iframes.m3u8")
            guard let last = text.ranges(of: "#EXTINF").last else { return }
            presentation.files["240p/iframes.m3u8"] = Array((text[..<last.lowerBound] + "#EXT-X-ENDLIST\n").utf8)
        },
        Breakage(.sameDuration, shape: "shorter sound") { $0.audioFrames = [281, 282, 50] },
        Breakage(.sameBoundaries, shape: "other cuts") { $0.videos[1].framesOfSegments = [150, 100, 125] },
        Breakage(.sameBoundaries, shape: "fewer segments") { $0.audioFrames = [281, 422] },
        Breakage(.sameDiscontinuities, "in one variant only") {
            $0.replace("#EXTINF:3", with: "#EXT-X-DISCONTINUITY\n#EXTINF:3", in: media)
        },
    ]

    /// Rates, and variants beside each other.
    static let ladders = [
        Breakage(.bandwidth, "two percent below") { $0.scale("STREAM-INF:BANDWIDTH=", by: 0.98) },
        Breakage(.measuredPeak, "a fifth above") { $0.scale("STREAM-INF:BANDWIDTH=", by: 1.2) },
        Breakage(.averageBandwidth, "two percent below") { $0.scale("AVERAGE-BANDWIDTH=", by: 0.98) },
        Breakage(.measuredAverage, "a fifth above") { $0.scale("AVERAGE-BANDWIDTH=", by: 1.2) },
        Breakage(.livePeak, "live, half of it") {
            $0.replaceInAll("#EXT-X-PLAYLIST-TYPE:VOD\n", with: "")
            $0.replaceInAll("#EXT-X-ENDLIST\n", with: "")
            $0.scale("STREAM-INF:BANDWIDTH=", by: 0.5)
        },
        Breakage(.peakToAverage, "one large segment") { presentation in
            let track = GoodPresentation.Shape().videos[1].track
            let samples = (0..<150).map { frame in
                TestTrack.Sample(isKey: frame % 50 == 0, unitType: frame % 50 == 0 ? 5 : 1, bytes: 6000, duration: 512)
            }
            presentation.files["240p/1.m4s"] = track.segment(at: 150 * 512, samples)
        },
        Breakage(.firstVariant, shape: "the lowest first") { $0.videos.reverse() },
        Breakage(.aspectRatio, shape: "4:3 among 16:9") {
            $0.videos[1].set.width = 320
            $0.videos[1].set.height = 240
        },
        Breakage(.aspectRatio, shape: "854x480") {
            $0.videos[1].set.width = 854
            $0.videos[1].set.height = 480
            $0.videos[0].set.width = 1280
            $0.videos[0].set.height = 720
        },
        Breakage(.severalBitRates, shape: "one variant") { $0.videos.removeFirst() },
        Breakage(.twoAtTheTop, shape: "one of HD") {
            $0.videos[0].set.width = 1280
            $0.videos[0].set.height = 720
        },
        Breakage(.cellular, shape: "none for cellular") {
            for index in $0.videos.indices { $0.videos[index].otherBytes = 2000 }
        },
        Breakage(.iFramePlaylists, "none") { presentation in
            let lines = presentation.text(master).split(separator: "\n").filter { !$0.contains("I-FRAME") }
            presentation.files[master] = Array((lines.joined(separator: "\n") + "\n").utf8)
        },
        Breakage(.severalIFramePlaylists, "one") { presentation in
            let lines = presentation.text(master).split(separator: "\n").filter { !$0.contains("240p/iframes") }
            presentation.files[master] = Array((lines.joined(separator: "\n") + "\n").utf8)
        },
    ]
}

extension GoodPresentation {
    /// Multiplies a number of the multivariant playlist where its name occurs first.
    mutating func scale(_ name: String, by factor: Double) {
        let text = text("master.m3u8")
        guard let range = text.firstRange(of: name) else { return }
        let digits = text[range.upperBound...].prefix { $0.isNumber }
        let scaled = Int(Double(Int(digits) ?? 0) * factor)
        replace(name + digits, with: name + String(scaled), in: "master.m3u8")
    }
}
