// SPDX-License-Identifier: Apache-2.0

import HLS
import Testing

@testable import Transcode

/// What holds for every source: the rules of RFC 8216 and of Apple's HLS authoring specification (numbers in
/// brackets), checked on the stored bytes.
@Suite struct ConformanceTests {
    @Test(arguments: Clip.allCases) func idrPicturesStandExactlyOnTheTwoSecondGrid(clip: Clip) throws {
        let transcoded = try Transcoded.of(clip)
        for (variant, video) in zip(transcoded.variants, transcoded.video) {
            let gop = Int((2 * (try #require(variant.frameRate))).rounded())
            let segments = try video.samples()
            let samples = segments.flatMap(\.self)
            let frame = try #require(samples.first?.duration)
            // Presentation begins at 0 and is without gap or overlap; all frames are of one length.
            #expect(samples.allSatisfy { $0.duration == frame })
            #expect(samples.map(\.presentationTime).sorted() == samples.indices.map { $0 * frame })
            #expect(segments.allSatisfy { $0.first?.isIDR == true && $0.first?.isSync == true })
            #expect(samples.allSatisfy { $0.isIDR == $0.isSync })
            let keys = samples.filter(\.isIDR).map(\.presentationTime)
            #expect(keys == stride(from: 0, to: samples.count, by: gop).map { $0 * frame }, "\(clip) \(video.name)")
            // Closed groups: nothing behind an IDR in decoding order is shown before it.
            var last = 0
            for sample in samples {
                if sample.isIDR { last = sample.presentationTime }
                #expect(sample.presentationTime >= last)
            }
        }
    }

    @Test(arguments: Clip.allCases) func decodeTimesContinueAndExtinfIsTheRealDuration(clip: Clip) throws {
        for rendition in try Transcoded.of(clip).renditions {
            var expected = 0
            for (bytes, segment) in zip(rendition.segments, rendition.playlist.segments) {
                #expect(mp4FragmentDecodeTime(bytes) == expected, "\(clip) \(rendition.name) \(segment.uri)")
                let duration = try Fragments.samples(segment: bytes).reduce(0) { $0 + $1.duration }
                let seconds = Double(duration) / Double(rendition.timescale)
                #expect(abs(seconds - segment.durationSeconds) < 0.000_001, "\(clip) \(rendition.name) \(segment.uri)")
                expected += duration
            }
        }
    }

    @Test(arguments: Clip.allCases) func cutsAreTheSameInAllRungsAndNearestInTheSound(clip: Clip) throws {
        let transcoded = try Transcoded.of(clip)
        let durations = transcoded.video.map { $0.playlist.segments.map(\.durationSeconds) }
        #expect(Set(durations).count == 1)
        let first = try #require(durations.first)
        // 6 s each but the last, which may take a rest of less than half a second with it [7.7].
        let frameRate = try #require(transcoded.variants.first?.frameRate)
        let full = 3 * (2 * frameRate).rounded() / frameRate
        for seconds in first.dropLast() { #expect(abs(seconds - full) < 0.001) }
        #expect(first.allSatisfy { $0 < 6.5 })
        guard let audio = transcoded.audio else { return }
        #expect(audio.segments.count == first.count)
        // At most half an AAC frame from the video's cut.
        for (index, segment) in audio.segments.enumerated() {
            let start = Double(try #require(mp4FragmentDecodeTime(segment))) / Double(audio.timescale)
            #expect(abs(start - first[..<index].reduce(0, +)) <= 0.0108)
        }
        #expect(abs(audio.seconds - first.reduce(0, +)) < 0.05)
    }

    @Test(arguments: Clip.allCases) func bandwidthIsMeasured(clip: Clip) throws {
        let transcoded = try Transcoded.of(clip)
        let audio = transcoded.audio.map(Self.rates)
        for (variant, video) in zip(transcoded.variants, transcoded.video) {
            let rates = Self.rates(video)
            // Each part is rounded up by itself; EXTINF is rounded to microseconds.
            let peak = rates.peak + (audio?.peak ?? 0)
            let average = rates.average + (audio?.average ?? 0)
            #expect(abs(Double(variant.bandwidth) - peak) <= 3, "\(clip) \(video.name)")
            #expect(abs(Double(try #require(variant.averageBandwidth)) - average) <= 3, "\(clip) \(video.name)")
            #expect(Double(variant.bandwidth) >= average)
            // Whole segments keep the rung's bound. A shorter window may drain the rate control's buffer of one
            // second at 0.85 of the bound in less time; the container adds 2 %.
            let bound = try #require(Self.bounds[video.name])
            for (segment, bytes) in zip(video.playlist.segments, video.segments) {
                let seconds = max(3, min(segment.durationSeconds, 6))
                let rate = Double(bytes.count * 8) / seconds
                #expect(rate <= (seconds < 6 ? 0.87 * (seconds + 1) / seconds : 1) * bound, "\(clip) \(video.name)")
            }
        }
        #expect(transcoded.variants.map(\.averageBandwidth).allSatisfy { $0 ?? 0 > 0 })
    }

    /// What the ladder promises for the video's peak, in bits per second.
    static let bounds = [
        "144p": 56_000.0, "240p": 145_000, "360p": 365_000, "480p": 800_000, "720p": 2_500_000, "1080p": 5_000_000,
    ]

    /// RFC 8216 section 4.1 once more, from the files and the playlist alone.
    static func rates(_ rendition: Transcoded.Rendition) -> (peak: Double, average: Double) {
        let bits = rendition.segments.map { Double($0.count * 8) }
        let seconds = rendition.playlist.segments.map(\.durationSeconds)
        let target = Double(rendition.playlist.targetDurationSeconds)
        let average = bits.reduce(0, +) / seconds.reduce(0, +)
        let windows = bits.indices.flatMap { start in (start..<bits.count).map { start...$0 } }
        let peak =
            windows.filter { (0.5 * target...1.5 * target).contains(seconds[$0].reduce(0, +)) }
            .map { bits[$0].reduce(0, +) / seconds[$0].reduce(0, +) }.max()
        return (peak ?? average, average)
    }

    @Test(arguments: Clip.allCases) func mediaPlaylistsAreFinishedAndComplete(clip: Clip) throws {
        for rendition in try Transcoded.of(clip).renditions {
            let playlist = rendition.playlist
            #expect(playlist.version == 7)
            #expect(playlist.targetDurationSeconds == 6)
            #expect(playlist.kind == .vod && playlist.isComplete && playlist.independentSegments)
            #expect(playlist.mediaSequence == 0)
            #expect(playlist.segments.map(\.uri) == playlist.segments.indices.map { "\($0).m4s" })
            #expect(playlist.segments.allSatisfy { $0.map == InitializationSection(uri: "init.mp4") })
        }
    }

    @Test(arguments: Clip.allCases) func segmentsAreCMAF(clip: Clip) throws {
        for rendition in try Transcoded.of(clip).renditions {
            let boxes = try #require(mp4Boxes(in: rendition.initialization))
            #expect(boxes.map(\.type) == ["ftyp", "moov"])
            #expect(mp4Box(in: rendition.initialization, path: ["moov", "mvex", "trex"]) != nil)
            #expect(mp4Box(in: rendition.initialization, path: ["moov", "trak", "edts"]) == nil)
            for segment in rendition.segments {
                // Sound is one fragment, pictures are one for each IDR.
                let keys = try Fragments.samples(segment: segment).count(where: \.isIDR)
                let fragments = (0..<(rendition.name == "audio" ? 1 : keys)).flatMap { _ in ["moof", "mdat"] }
                #expect(mp4Boxes(in: segment)?.map(\.type) == ["styp"] + fragments)
                let moof = try #require(mp4Box(in: segment, path: ["moof"]))
                #expect(mp4Boxes(in: segment, range: moof.body)?.map(\.type) == ["mfhd", "traf"])
            }
        }
    }

    /// libavformat reads the playlists, decodes every rung and the sound, and finds nothing to complain about.
    @Test(arguments: Clip.allCases) func ffmpegDecodesAllOfItWithoutAWord(clip: Clip) throws {
        let folder = try Transcoded.of(clip).folder
        let tool = try Tool.run(
            "ffmpeg", ["-v", "error", "-i", folder + "/master.m3u8", "-map", "0", "-f", "null", "-"])
        #expect(tool.status == 0 && tool.errors.isEmpty, "\(clip): \(tool.errors)")
    }

    @Test(arguments: Clip.allCases) func theStreamsAreWhatThePlaylistSays(clip: Clip) throws {
        let transcoded = try Transcoded.of(clip)
        for (variant, video) in zip(transcoded.variants, transcoded.video) {
            let probed = try Probed("\(transcoded.folder)/\(video.name)/index.m3u8")
            #expect(probed.streams.count == 1)
            let stream = try #require(probed.streams.first)
            #expect(stream.codecName == "h264" && stream.pixFmt == "yuv420p")
            // x264's fastest preset does not use what the High profile adds.
            let profiles = ["High": "6400", "Constrained Baseline": "42c0"]
            let profile = try #require(profiles[stream.profile ?? ""])
            #expect(variant.resolution == PictureSize(width: stream.width ?? 0, height: stream.height ?? 0))
            #expect(stream.sampleAspectRatio == "1:1")
            let level = String(stream.level ?? 0, radix: 16)
            let sound = transcoded.audio == nil ? [] : ["mp4a.40.2"]
            #expect(variant.codecs == ["avc1.\(profile)" + (level.count < 2 ? "0" : "") + level] + sound)
        }
        #expect((transcoded.audio == nil) == (transcoded.multivariant.renditions.isEmpty))
        guard let audio = transcoded.audio else { return }
        let stream = try #require(try Probed("\(transcoded.folder)/\(audio.name)/index.m3u8").streams.first)
        #expect(stream.codecName == "aac" && stream.profile == "LC")
        #expect(stream.sampleRate == "48000" && stream.channels == 2)
    }

    @Test(arguments: Clip.allCases) func nothingElseIsInTheFolder(clip: Clip) throws {
        let transcoded = try Transcoded.of(clip)
        let inside = transcoded.renditions.flatMap { rendition in
            (["index.m3u8", "init.mp4"] + (rendition.name == "audio" ? [] : ["iframes.m3u8"]))
                .map { "\(rendition.name)/\($0)" }
                + rendition.playlist.segments.map { "\(rendition.name)/\($0.uri)" }
        }
        let expected = inside + transcoded.renditions.map(\.name) + ["master.m3u8"] + transcoded.result.pictures
        #expect(try TestFiles.list(transcoded.folder) == expected.sorted())
        #expect(transcoded.result.renditions.map(\.name).sorted() == transcoded.renditions.map(\.name).sorted())
        for rendition in transcoded.result.renditions {
            let stored = try #require(transcoded.renditions.first { $0.name == rendition.name })
            #expect(rendition.segments.map(\.bytes) == stored.segments.map(\.count))
        }
    }
}
