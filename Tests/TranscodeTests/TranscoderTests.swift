// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// The whole pipeline on generated clips, judged by our own parser and by ffprobe and ffmpeg.
@Suite(.serialized, .enabled(if: MediaBench.hasTools)) struct TranscoderTests {
    private let bench: MediaBench

    init() throws {
        bench = try MediaBench()
    }

    @Test func aClipOf2997FramesASecondBecomesAlignedCMAF() throws {
        let clip = try bench.testClip("in.mp4", size: "854x480", rate: "30000/1001", seconds: 14)
        // A preset with B frames, so that decoding and presentation order differ.
        let output = try bench.transcode(clip, preset: "veryfast")
        #expect(output.result.renditions.map(\.name) == ["240p", "360p", "480p", "audio"])
        #expect(abs(output.result.durationSeconds - 14) < 0.05)

        let reference = try output.media("240p")
        #expect(reference.segments.map(\.uri) == ["0.m4s", "1.m4s", "2.m4s"])
        #expect(abs(reference.segments[0].durationSeconds - 6.006) < 0.000_002)
        for (rung, size) in [("240p", "416,234"), ("360p", "640,360"), ("480p", "854,480")] {
            let playlist = try output.media(rung)
            #expect(playlist.segments.map(\.durationSeconds) == reference.segments.map(\.durationSeconds))
            #expect(playlist.isComplete && playlist.targetDurationSeconds == 6 && playlist.version == 7)
            #expect(playlist.segments.allSatisfy { $0.map == InitializationSection(uri: "init.mp4") })
            try checkVideo(output, rung, playlist, size: size)
        }
        try checkAudio(output, reference)
        try checkDecodes(output)
    }

    /// Every segment starts where the last ended, with an IDR, and has an IDR every 2 s and nowhere else.
    private func checkVideo(_ output: MediaBench.Output, _ rung: String, _ playlist: MediaPlaylist, size: String) throws
    {
        let names = playlist.segments.map(\.uri)
        var expectedTime = 0
        for (index, name) in names.enumerated() {
            let bytes = try output.segment(rung, name)
            #expect(mp4FragmentDecodeTime(bytes) == expectedTime, "\(rung)/\(name)")
            #expect(mp4Boxes(in: bytes)?.map(\.type) == ["styp", "moof", "mdat"])
            let packets = try output.probe(rung, segments: [name], entries: "packet=flags")
            let keys = packets.indices.filter { packets[$0].hasPrefix("K") }
            // In decoding order a closed GOP of 60 frames stays together.
            #expect(keys == Array(stride(from: 0, to: packets.count, by: 60)), "\(rung)/\(name)")
            #expect(Double(packets.count) * 1001 / 30000 - playlist.segments[index].durationSeconds < 0.000_002)
            expectedTime += packets.count * 1001
        }
        let stream = try output.probe(
            rung, segments: names, entries: "stream=width,height,sample_aspect_ratio,r_frame_rate,nb_read_packets")
        #expect(stream.first?.hasPrefix(size + ",1:1,30000/1001") == true, "\(stream)")
    }

    private func checkAudio(_ output: MediaBench.Output, _ video: MediaPlaylist) throws {
        let audio = try output.media("audio")
        #expect(audio.segments.count == video.segments.count)
        #expect(abs(audio.durationSeconds - video.durationSeconds) < 0.011)
        var videoEnd = 0.0
        var audioEnd = 0.0
        var expectedTime = 0
        for (sound, picture) in zip(audio.segments, video.segments) {
            #expect(mp4FragmentDecodeTime(try output.segment("audio", sound.uri)) == expectedTime)
            videoEnd += picture.durationSeconds
            audioEnd += sound.durationSeconds
            expectedTime += Int((sound.durationSeconds * 48000).rounded())
            #expect(abs(videoEnd - audioEnd) < 0.011, "a cut of the sound is not the nearest to the picture's")
        }
        let stream = try output.probe(
            "audio", segments: audio.segments.map(\.uri), entries: "stream=codec_name,profile,sample_rate,channels")
        #expect(stream == ["aac,LC,48000,2"])
    }

    /// ffmpeg decodes every variant with its sound without a warning.
    private func checkDecodes(_ output: MediaBench.Output) throws {
        for number in try output.multivariant().variants.indices {
            let errors = try bench.run(
                "ffmpeg",
                ["-v", "warning", "-i", "\(output.folder)/master.m3u8", "-map", "0:p:\(number)", "-f", "null", "-"]
            ).errors
            #expect(errors == "")
        }
    }

    @Test func theMultivariantPlaylistTellsWhatTheBytesAre() throws {
        let clip = try bench.testClip("in.mp4", size: "640x360", rate: "25", seconds: 13)
        let output = try bench.transcode(clip)
        let playlist = try output.multivariant()
        #expect(playlist.renditions.map(\.uri) == ["audio/index.m3u8"])
        #expect(Set(playlist.variants.map(\.uri)) == ["240p/index.m3u8", "360p/index.m3u8"])
        for variant in playlist.variants {
            let rung = String(variant.uri.prefix(4))
            // Segments of 6, 6 and 1 s: the runs of 3 to 9 s are each of the long ones, and the last two.
            let video = try sizes(output, rung)
            let audio = try sizes(output, "audio")
            #expect(variant.bandwidth == peak(video) + peak(audio))
            #expect(variant.averageBandwidth == average(video) + average(audio))
            #expect(variant.frameRate == 25)
            #expect(variant.audioGroup == "audio")
            let stream = try output.probe(rung, segments: ["0.m4s"], entries: "stream=profile,width,height,level")
            let level = try #require(stream.first?.split(separator: ",").last.flatMap { Int($0) })
            #expect(stream.first?.hasPrefix("High,") == true || stream.first?.hasPrefix("Constrained") == true)
            #expect(variant.codecs.first?.hasSuffix(String(level, radix: 16)) == true, "\(variant.codecs) \(stream)")
            #expect(variant.codecs.last == "mp4a.40.2")
            let bound = rung == "240p" ? 145_000 : 365_000
            #expect(peak(video) <= bound, "the rung \(rung) costs more than its bound")
        }
    }

    private func sizes(_ output: MediaBench.Output, _ rendition: String) throws -> [(bits: Double, seconds: Double)] {
        try output.media(rendition).segments.map { segment in
            (Double(try output.segment(rendition, segment.uri).count * 8), segment.durationSeconds)
        }
    }

    private func peak(_ sizes: [(bits: Double, seconds: Double)]) -> Int {
        let single = sizes.dropLast().map { $0.bits / $0.seconds }
        let last = (sizes[1].bits + sizes[2].bits) / (sizes[1].seconds + sizes[2].seconds)
        return Int(max(single.max() ?? 0, last).rounded(.up))
    }

    private func average(_ sizes: [(bits: Double, seconds: Double)]) -> Int {
        Int((sizes.reduce(0) { $0 + $1.bits } / sizes.reduce(0) { $0 + $1.seconds }).rounded(.up))
    }

    @Test func aShortTailJoinsTheLastSegmentInAllRenditions() throws {
        let clip = try bench.testClip("in.mp4", size: "416x234", rate: "25", seconds: 12.4)
        let output = try bench.transcode(clip)
        #expect(try output.media("240p").segments.map(\.durationSeconds) == [6, 6.4])
        #expect(try output.media("audio").segments.count == 2)
    }

    @Test func aVideoWithoutSoundHasNoAudioGroup() throws {
        let clip = try bench.testClip("in.mp4", size: "320x180", rate: "30", seconds: 2, options: ["-an"])
        let output = try bench.transcode(clip)
        #expect(output.result.renditions.map(\.name) == ["240p"])
        let playlist = try output.multivariant()
        #expect(playlist.renditions.isEmpty)
        #expect(playlist.variants.map(\.audioGroup) == [nil])
        #expect(playlist.variants.map(\.codecs.count) == [1])
    }

    @Test func soundThatStartsLateAndEndsEarlyIsFilledWithSilence() throws {
        let clip = try bench.clip(
            "in.mkv",
            ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=8", "-itsoffset", "2"]
                + [
                    "-f", "lavfi", "-i", "sine=440:r=48000:d=3", "-c:v", "libx264", "-preset", "ultrafast", "-c:a",
                    "aac",
                ])
        let output = try bench.transcode(clip)
        #expect(abs(try output.media("audio").durationSeconds - 8) < 0.011)
        let volumes = try [0.5, 3.5, 7].map { try volume(output, at: $0) }
        #expect(volumes[0] < -60 && volumes[2] < -60, "silence before and behind: \(volumes)")
        #expect(volumes[1] > -40, "the tone in its place: \(volumes)")
    }

    /// The mean volume in dB of half a second of the delivered sound.
    private func volume(_ output: MediaBench.Output, at seconds: Double) throws -> Double {
        let text = try bench.run(
            "ffmpeg",
            ["-v", "info", "-i", "\(output.folder)/audio/index.m3u8", "-af"]
                + ["atrim=\(seconds):\(seconds + 0.5),volumedetect", "-f", "null", "-"]
        ).errors
        let value = text.split(separator: "mean_volume: ").last?.split(separator: " ").first
        return try #require(value.flatMap { Double($0) })
    }

    @Test func aPictureOnItsSideIsTurnedAndSquared() throws {
        _ = try bench.testClip("flat.mp4", size: "640x360", rate: "30", seconds: 1)
        let turned = try bench.clip("turned.mp4", ["-i", "flat.mp4", "-c", "copy", "-metadata:s:v", "rotate=90"])
        let rungs = try bench.transcode(turned).result.renditions.filter { !$0.isAudio }
        #expect(rungs.map { "\($0.width)x\($0.height)" } == ["234x416", "360x640"])
        let wide = try bench.testClip(
            "wide.mp4", size: "480x480", rate: "25", seconds: 1, options: ["-vf", "setsar=4/3"])
        let square = try bench.transcode(wide).result.renditions.filter { !$0.isAudio }
        #expect(square.last.map { "\($0.width)x\($0.height)" } == "640x480")
    }

    @Test func aVaryingRateBecomesConstant() throws {
        let clip = try bench.clip(
            "in.mp4",
            ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=6", "-vf", "select='lt(t,2)+not(mod(n,5))'"]
                + ["-vsync", "vfr", "-c:v", "libx264", "-preset", "ultrafast"])
        let output = try bench.transcode(clip)
        #expect(abs(output.result.durationSeconds - 6) < 0.2)
        let times = try output.probe(
            "240p", segments: output.media("240p").segments.map(\.uri), entries: "packet=duration")
        #expect(Set(times).count == 1)
    }

    @Test func thePosterIsNotTheBlackBeginning() throws {
        let clip = try bench.testClip(
            "in.mp4", size: "320x180", rate: "25", seconds: 4,
            options: ["-vf", "drawbox=color=black:t=fill:enable='lt(t,2)'"])
        let output = try bench.transcode(clip)
        let text = try bench.run(
            "ffprobe",
            ["-v", "error", "-f", "lavfi", "movie=\(output.folder)/poster.jpg,signalstats", "-show_entries"]
                + ["frame_tags=lavfi.signalstats.YAVG", "-of", "csv=p=0"]
        ).output
        let brightness = Double(text.split(whereSeparator: { "\n,".contains($0) }).first ?? "") ?? 0
        #expect(brightness > 40)
    }
}
