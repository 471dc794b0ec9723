// SPDX-License-Identifier: Apache-2.0

import HLS
import Testing

@testable import Transcode

/// What each source must become.
@Suite struct ClipTests {
    func sizes(_ transcoded: Transcoded) -> [String] {
        zip(transcoded.variants, transcoded.video)
            .map { "\($1.name) \($0.resolution?.description ?? "")" }.sorted { $0.count < $1.count }
    }

    @Test func aWideVideoGetsEveryRungBelowIt() throws {
        let transcoded = try Transcoded.of(.wide)
        #expect(Set(sizes(transcoded)) == ["240p 416x234", "360p 640x360", "480p 832x468", "720p 1280x720"])
        #expect(transcoded.result.width == 1280 && transcoded.result.height == 720)
        #expect(abs(transcoded.result.durationSeconds - 13) < 0.001)
        for video in transcoded.video {
            #expect(abs(video.seconds - 13) < 0.001)
            #expect(video.segments.count == 3)
            // The last segment is a rest of 1 s.
            #expect(abs((video.playlist.segments.last?.durationSeconds ?? 0) - 1) < 0.001)
        }
        #expect(transcoded.variants.allSatisfy { $0.frameRate == 25 && $0.audioGroup == "audio" })
    }

    @Test func theSoundIsOneGroupWithTheLanguageOfTheFile() throws {
        let transcoded = try Transcoded.of(.wide)
        #expect(
            transcoded.multivariant.renditions == [
                Rendition(
                    kind: .audio, group: "audio", name: "Deutsch", language: "de", channels: 2, uri: "audio/index.m3u8")
            ])
        #expect(try Transcoded.of(.film).multivariant.renditions.map(\.language) == ["und"])
    }

    /// The source is black and silent until 2 s; both must end there, on the frame and within 5 ms.
    @Test func pictureAndSoundKeepTheirTimes() throws {
        let transcoded = try Transcoded.of(.wide)
        for name in transcoded.names {
            let pictures = try transcoded.pictures(name)
            #expect(pictures.count == 325)
            #expect(pictures.firstIndex { mean($0) > 40 } == 50, "\(name)")
        }
        let bytes = try Tool.succeed(
            "ffmpeg", ["-v", "error", "-i", transcoded.folder + "/audio/index.m3u8", "-ac", "1", "-f", "s16le", "-"])
        let samples = stride(from: 0, to: bytes.count - 1, by: 2).map {
            Int16(bitPattern: UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8)
        }
        #expect(abs(samples.count - 13 * 48_000) <= 1024)
        let start = try #require(samples.firstIndex { abs(Int($0)) > 3000 })
        #expect(abs(start - 2 * 48_000) < 240, "\(start)")
        // It sounds to the end.
        #expect(samples.suffix(4800).contains { abs(Int($0)) > 3000 })
    }

    /// Every picture shows what the source shows at its time.
    @Test func picturesAreThoseOfTheSource() throws {
        for clip in [Clip.rotated, .upright, .odd, .film] {
            let transcoded = try Transcoded.of(clip)
            let source = try Transcoded.pictures(try clip.source())
            let made = try transcoded.pictures(try #require(transcoded.names.last))
            #expect(source.count == made.count)
            for number in stride(from: 2, to: source.count - 2, by: 10) {
                let distance = difference(source[number], made[number])
                #expect(distance < 5, "\(clip) picture \(number)")
                // It is no neighbour's picture and not turned.
                for other in [number - 2, number + 2] {
                    #expect(distance < difference(source[other], made[number]), "\(clip) picture \(number)")
                }
                #expect(difference(source[number], made[number].reversed()) > 12)
            }
        }
    }

    @Test func anUprightVideoStaysUprightAndMayBeSilent() throws {
        let transcoded = try Transcoded.of(.upright)
        #expect(Set(sizes(transcoded)) == ["240p 234x416", "360p 360x640", "480p 468x832", "720p 720x1280"])
        #expect(transcoded.audio == nil)
        #expect(transcoded.variants.allSatisfy { $0.audioGroup == nil && $0.codecs.count == 1 })
        #expect(transcoded.result.renditions.allSatisfy { !$0.isAudio })
    }

    @Test func aTurnedVideoIsUpright() throws {
        let transcoded = try Transcoded.of(.rotated)
        #expect(Set(sizes(transcoded)) == ["240p 234x416", "360p 360x640"])
        #expect(transcoded.result.width == 360 && transcoded.result.height == 640)
    }

    @Test func oddSizesBecomeEven() throws {
        #expect(Set(sizes(try Transcoded.of(.odd))) == ["240p 414x234", "360p 638x360", "480p 852x480"])
    }

    @Test func aFractionalFrameRateIsKept() throws {
        let transcoded = try Transcoded.of(.film)
        let video = try #require(transcoded.video.first)
        #expect(transcoded.variants.map(\.frameRate) == [29.97, 29.97])
        // 180 frames of 1001/30000 s.
        #expect(video.playlist.segments.prefix(2).map(\.durationSeconds) == [6.006, 6.006])
        #expect(abs(video.seconds - 13) < 0.034)
        let samples = try video.samples().flatMap(\.self)
        #expect((samples.first?.duration ?? 0) * 30000 == video.timescale * 1001)
    }

    @Test func varyingFrameTimesBecomeConstant() throws {
        let transcoded = try Transcoded.of(.varying)
        let video = try #require(transcoded.video.first)
        let rate = try #require(transcoded.variants.first?.frameRate)
        #expect(rate == 20)
        let source = try #require(try Probed(try Clip.varying.source()).streams.first?.duration.flatMap(Double.init))
        #expect(abs(video.seconds - source) <= 1 / rate)
        // The black beginning ends where the source's does: the first picture at or behind 2 s.
        let pictures = try transcoded.pictures(video.name)
        let bright = try #require(pictures.firstIndex { mean($0) > 40 })
        #expect((40...42).contains(bright))
    }

    @Test func aSoundThatEndsEarlyIsFilledUpWithSilence() throws {
        let transcoded = try Transcoded.of(.shortSound)
        let audio = try #require(transcoded.audio)
        #expect(abs(audio.seconds - 5) < 0.05)
        #expect(abs((transcoded.video.first?.seconds ?? 0) - 5) < 0.001)
    }

    @Test(arguments: [(Clip.wide, 1280, 720), (.upright, 720, 1280), (.rotated, 360, 640), (.odd, 852, 480)])
    func thePosterIsAPictureOfTheVideo(clip: Clip, width: Int, height: Int) throws {
        let path = try Transcoded.of(clip).folder + "/poster.jpg"
        #expect(try TestFiles.read(path).starts(with: [0xFF, 0xD8, 0xFF]))
        let stream = try #require(try Probed(path).streams.first)
        #expect(stream.codecName == "mjpeg" && stream.width == width && stream.height == height)
        // The wide clip begins black: the poster must be from behind that.
        let picture = try #require(try Transcoded.pictures(path).first)
        #expect(mean(picture) > 40)
        #expect(Set(picture).count > 20)
    }

    @Test func progressRisesToHundred() throws {
        let progress = try Transcoded.of(.wide).progress
        #expect(progress.count > 20)
        #expect(progress == progress.sorted())
        #expect(progress.last == 100)
        #expect(progress.dropLast().allSatisfy { (0...99).contains($0) })
        #expect(progress.contains { (20...80).contains($0) })
    }

    @Test func thePlaylistStartsWithTheLargestVariantForAUsualLine() throws {
        let variants = try Transcoded.of(.wide).multivariant.variants
        let bandwidths = variants.map(\.bandwidth)
        let first = try #require(bandwidths.first)
        #expect(variants.first?.resolution != nil)
        #expect(first == bandwidths.filter { $0 <= 2_200_000 }.max())
        #expect(Array(bandwidths.dropFirst()) == bandwidths.dropFirst().sorted())
    }
}
