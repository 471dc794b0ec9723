// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Transcode

/// Pictures from all over a video, without decoding all of it.
@Suite struct PictureStretchesTests {
    private let rate = FrameRate(numerator: 25, denominator: 1)

    private func plan(_ wanted: [Range<Int>], keysEvery interval: Int?) -> [Range<Int>] {
        PictureStretches.plan(wanted: wanted, frameRate: rate) { number in interval.map { number / $0 * $0 } }
    }

    @Test func aKeyFrameBetweenTwoWantedFramesSkipsWhatIsBeforeIt() {
        let wanted = stride(from: 0, to: 1000, by: 250).map { $0..<$0 + 1 }
        #expect(plan(wanted, keysEvery: 50) == [0..<1, 250..<251, 500..<501, 750..<Int.max])
        // From 200 on 250 is decoded, so 225 is on the way.
        #expect(plan([0..<1, 225..<226, 250..<251], keysEvery: 200) == [0..<1, 225..<Int.max])
        // A scene is read whole.
        #expect(plan([0..<1, 130..<155, 140..<141, 260..<261], keysEvery: 50) == [0..<1, 130..<155, 260..<Int.max])
    }

    @Test func whatGainsNothingIsReadThrough() {
        let wanted = stride(from: 0, to: 1000, by: 50).map { $0..<$0 + 1 }
        #expect(plan(wanted, keysEvery: nil) == [0..<Int.max])
        #expect(plan(wanted, keysEvery: 5000) == [0..<Int.max])
        // Ten frames between wanted ones.
        #expect(plan(stride(from: 0, to: 100, by: 10).map { $0..<$0 + 1 }, keysEvery: 5) == [0..<Int.max])
        #expect(plan([], keysEvery: 50) == [0..<Int.max])
        // An index out of order.
        let behind = PictureStretches.plan(wanted: wanted, frameRate: rate) { $0 + 1 }
        #expect(behind == [0..<Int.max])
    }

    /// Files whose index promises what is not so: the end can not be decoded; every picture is said to be a key frame.
    @Test(arguments: ["damaged end", "wrong keys"]) func whatTheIndexDoesNotTellIsFoundOut(fault: String) throws {
        let clip = try Source.make(
            "a.mp4", ["testsrc2=size=160x96:rate=10:duration=130"],
            Source.h264 + ["-bf", "2", "-g", "70", "-movflags", "+faststart"])
        var bytes = try TestFiles.read(clip)
        if fault == "damaged end" {
            for index in bytes.count * 98 / 100..<bytes.count { bytes[index] = 0 }
        } else {
            let table = try #require(
                bytes.indices.dropLast(4).first { Array(bytes[$0..<$0 + 4]) == Array("stss".utf8) })
            bytes.replaceSubrange(table..<table + 4, with: Array("free".utf8))
        }
        let path = try TestFiles.file(bytes)
        let (some, all) = (try TestFiles.folder(), try TestFiles.folder())
        let part = try PartTests.results(PartTests.run(path, [.pictures], to: some))[0]
        let whole = try PartTests.results(PartTests.run(path, [.whole], to: all))[0]
        #expect(part.pictures == whole.pictures && part.pictures.contains("sprite-0.jpg"))
        for name in part.pictures where !name.hasSuffix(".mp4") {
            #expect(try TestFiles.read("\(some)/\(name)") == TestFiles.read("\(all)/\(name)"), "\(name)")
        }
    }

    /// Files of which most is skipped give the same pictures as one pass.
    @Test(arguments: [
        ("open.mp4", 10, "null", ["-bf", "3", "-g", "13", "-x264-params", "open-gop=1:scenecut=0"]),
        ("closed.mkv", 10, "null", ["-bf", "2", "-g", "10"]),
        ("fields.mov", 50, "tinterlace=interleave_top", ["-flags", "+ilme+ildct", "-g", "12"]),
        ("varying.mp4", 10, "select='lt(mod(n,7),4)'", ["-vsync", "vfr", "-g", "7"]),
    ]) func picturesAreThoseOfOnePass(name: String, rate: Int, filter: String, options: [String]) throws {
        // A bar that moves by 7 pixels a frame; more than two minutes, so that there is a picture each two seconds.
        let luma = "if(lt(abs(X-mod(N*7,160)),8),235,16)"
        let bar = "color=size=160x96:rate=\(rate):duration=125,geq=lum='\(luma)':cb=128:cr=128,\(filter)"
        let sound = "sine=duration=125:sample_rate=48000"
        let x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
        let path = try Source.make(name, [bar, sound], x264 + options)

        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        let source = try MediaSource(descriptor: descriptor)
        let wanted = PictureSet(source, folder: "").wanted(frames: source.framesExpected)
        let stretches = source.stretches(wanted: wanted)
        #expect(stretches.count > 40, "\(stretches.count)")
        let read = stretches.dropLast().reduce(0) { $0 + $1.count }
        #expect(read < source.framesExpected / 2, "\(read) of \(source.framesExpected)")

        let some = try TestFiles.folder()
        let part = try PartTests.results(PartTests.run(path, [.pictures], to: some))[0]
        let all = try TestFiles.folder()
        let whole = try PartTests.results(PartTests.run(path, [.whole], to: all))[0]
        #expect(part.pictures == whole.pictures && part.pictures.contains("sprite-0.jpg"))
        for name in part.pictures where !name.hasSuffix(".mp4") {
            #expect(try TestFiles.read("\(some)/\(name)") == TestFiles.read("\(all)/\(name)"), "\(name)")
        }
        // x264 does not give the same bytes for the same pictures every time.
        let previews = try [some, all].map { try Transcoded.pictures("\($0)/\(PreviewMaker.fileName)") }
        #expect(previews[0].count == previews[1].count)
        #expect(zip(previews[0], previews[1]).map(difference).allSatisfy { $0 < 2 })
    }
}
