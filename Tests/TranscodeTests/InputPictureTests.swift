// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// Sources whose pictures are not upright, progressive, square, of 8 bits or of BT.709. The rows of docs/inputs.md.
@Suite struct InputPictureTests {
    // MARK: Orientation

    private static let quarters = Result {
        try Source.make("quarters.mp4", [Source.quarters(size: "96x64")], Source.h264)
    }

    /// All eight ways to turn and mirror a picture.
    @Test(arguments: [
        [1, 0, 0, 1], [0, 1, -1, 0], [-1, 0, 0, -1], [0, -1, 1, 0], [-1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 1, 0],
        [0, -1, -1, 0],
    ])
    func turnedAndMirroredPicturesStandUpright(matrix: [Int]) throws {
        let source = try Source.turned(
            try Self.quarters.get(), a: matrix[0], b: matrix[1], c: matrix[2], d: matrix[3])
        let made = try Made(source)
        let swaps = matrix[0] == 0
        #expect(made.result.width == (swaps ? 64 : 96) && made.result.height == (swaps ? 96 : 64))
        // Where each quarter must be, from the matrix alone.
        var expected = Source.quarterColors
        for (number, color) in Source.quarterColors.enumerated() {
            let x = number % 2 * 2 - 1
            let y = number / 2 * 2 - 1
            let column = (matrix[0] * x + matrix[2] * y + 1) / 2
            let row = (matrix[1] * x + matrix[3] * y + 1) / 2
            expected[row * 2 + column] = color
        }
        let shown = try #require(try made.colors().first)
        #expect(distance(shown, expected) < 40, "\(shown), not \(expected)")
        let poster = try Made.colors(made.folder + "/poster.jpg")[0]
        #expect(distance(poster, expected) < 40)
    }

    // MARK: Colours

    private func check(_ made: Made, colors expected: [[Int]], tolerance: Int) throws {
        let shown = try #require(try made.colors().first)
        #expect(distance(shown, expected) <= tolerance, "\(shown)")
        let stream = try #require(try Probed(made.playlist(try made.top().name)).streams.first)
        #expect(stream.pixFmt == "yuv420p" && stream.colorRange != "pc")
    }

    /// Ways to store the same four colours.
    @Test(arguments: [
        ["-c:v", "libx264", "-pix_fmt", "yuv420p10le"], ["-c:v", "libx264", "-pix_fmt", "yuv422p"],
        ["-c:v", "libx264", "-pix_fmt", "yuv444p"], ["-c:v", "libx264rgb", "-pix_fmt", "bgr24"],
        ["-c:v", "png", "-pix_fmt", "rgb24"],
        ["-c:v", "libx264", "-vf", "scale=out_range=pc", "-pix_fmt", "yuvj420p", "-color_range", "pc"],
        ["-c:v", "mjpeg", "-q:v", "1", "-pix_fmt", "yuvj420p"], ["-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"],
    ])
    func coloursAreKept(encoding: [String]) throws {
        // Whole blocks of each colour; the areas' edges are left to the mean.
        let source = try Source.make("a.mkv", [Source.quarters(size: "128x96")], encoding)
        try check(try Made(source), colors: Source.quarterColors, tolerance: 12)
    }

    /// Black, two greys and white of full range: neither is clipped nor washed out.
    @Test func fullRangeBecomesStudioRange() throws {
        let greys =
            "nullsrc=s=128x32:r=25:d=1,format=yuvj420p"
            + ",geq=lum='if(lt(X,32),0,if(lt(X,64),64,if(lt(X,96),192,255)))':cb=128:cr=128"
        let source = try Source.make(
            "a.mp4", [greys], ["-c:v", "libx264", "-color_range", "pc", "-qp", "10"])
        #expect(try Probed(source).streams.first?.colorRange == "pc")
        let made = try Made(source)
        let shown = try #require(try made.colors(columns: 4, rows: 1).first).map { $0[1] }
        for (grey, expected) in zip(shown, [0, 64, 192, 255]) { #expect(abs(grey - expected) <= 5, "\(shown)") }
    }

    /// PQ and HLG: four greys of 0, 10, 100 and 400 (PQ) nits, and a red, come out as BT.709 in their order.
    @Test(arguments: ["smpte2084", "arib-std-b67"]) func highDynamicRangeIsToneMapped(transfer: String) throws {
        // Luma codes of 10 bits, studio range.
        let codes = transfer == "smpte2084" ? [64, 327, 509, 634] : [64, 240, 502, 721]
        let luma = "if(lt(X,32),\(codes[0]),if(lt(X,64),\(codes[1]),if(lt(X,96),\(codes[2]),\(codes[3]))))"
        let generator =
            "nullsrc=s=128x64:r=25:d=1,format=yuv420p10le,geq=lum='if(lt(Y,32),\(luma),400)'"
            + ":cb='if(lt(Y,16),512,400)':cr='if(lt(Y,16),512,800)'"
        let source = try Source.make(
            "a.mp4", [generator],
            ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020"]
                + ["-color_trc", transfer, "-colorspace", "bt2020nc", "-tag:v", "hvc1"]
                + ["-x265-params", "log-level=none:colorprim=bt2020:transfer=\(transfer):colormatrix=bt2020nc"])
        #expect(try Probed(source).streams.first?.colorTransfer == transfer)
        let made = try Made(source)
        let shown = try #require(try made.colors(columns: 4, rows: 2).first)
        let greys = shown.prefix(4)
        for grey in greys { #expect((grey.max() ?? 0) - (grey.min() ?? 0) <= 12, "\(grey)") }
        let levels = greys.map { $0[1] }
        #expect(levels[0] <= 6 && levels[3] <= 253, "\(levels)")
        #expect(levels[1] - levels[0] > 20 && levels[2] - levels[1] > 40 && levels[3] - levels[2] > 20, "\(levels)")
        let red = shown[5]
        #expect(red[0] > 150 && red[0] - red[1] > 80 && red[0] - red[2] > 80, "\(red)")
        let stream = try #require(try Probed(made.playlist(try made.top().name)).streams.first)
        #expect(stream.colorTransfer == "bt709" && stream.colorPrimaries == "bt709" && stream.colorSpace == "bt709")
        #expect(stream.pixFmt == "yuv420p")
    }

    /// A source that says nothing is marked as what players take its size for; one that speaks is believed.
    @Test func coloursAreAlwaysNamed() throws {
        for (size, space) in [("64x36", "smpte170m"), ("1280x720", "bt709")] {
            let source = try Source.make("a.mp4", ["color=gray:s=\(size):r=5:d=0.4"], Source.h264)
            let made = try Made(source)
            for rendition in made.result.renditions {
                let stream = try #require(try Probed(made.playlist(rendition.name)).streams.first)
                #expect(stream.colorSpace == space && stream.colorPrimaries == space && stream.colorTransfer == space)
            }
        }
        let tagged = try Source.make(
            "a.mp4", ["color=gray:s=64x36:r=5:d=0.4"],
            Source.h264 + ["-colorspace", "bt470bg", "-color_primaries", "bt470bg", "-color_trc", "bt709"])
        let made = try Made(tagged)
        let stream = try #require(try Probed(made.playlist("240p")).streams.first)
        #expect(stream.colorSpace == "bt470bg" && stream.colorTransfer == "bt709")
    }

    // MARK: Fields

    /// 50 moments a second woven to 25 interlaced pictures become 50 again, each whole, in order, without combs.
    @Test(arguments: ["top", "bottom"]) func interlacedPicturesBecomeOneForEachField(first: String) throws {
        let moments = try Source.make(
            "p.mkv", ["testsrc2=s=128x96:r=50:d=2"], ["-c:v", "ffv1", "-pix_fmt", "yuv420p"])
        let source = try Source.remake(
            "i.mp4",
            ["-i", moments, "-vf", "tinterlace=interleave_\(first)", "-c:v", "libx264", "-preset", "ultrafast"]
                + ["-crf", "10", "-flags", "+ildct+ilme", "-x264-params", first == "top" ? "tff=1" : "bff=1"])
        let made = try Made(source)
        #expect(made.multivariant.variants.map(\.frameRate) == [50, 50])
        let whole = try Made.colors(moments, columns: 64, rows: 96)
        let shown = try made.colors(columns: 64, rows: 96)
        #expect(shown.count == 100)
        var wrong: [Int] = []
        for number in 8..<92 {
            #expect(combs(shown[number], columns: 64) < 1.3 * combs(whole[number], columns: 64), "picture \(number)")
            let right = meanDistance(shown[number], whole[number])
            let others = [number - 1, number + 1].map { meanDistance(shown[number], whole[$0]) }
            if others.contains(where: { $0 < right }) { wrong.append(number) }
        }
        // Neighbours differ by little. Fields in the wrong order would be half of all.
        #expect(wrong.count <= 2, "\(wrong)")
    }

    /// Each kind of file says in its own way that it is interlaced. MPEG-4 part 2 says it in single pictures only, which
    /// are made whole but not two; DV is taken for it without a word.
    @Test(arguments: [
        ("a.ts", "mpeg2video", 50.0), ("b.mov", "prores_ks", 50), ("c.avi", "dvvideo", 50), ("d.avi", "mpeg4", 25),
    ]) func fieldsOfOtherCodecs(name: String, codec: String, rate: Double) throws {
        let source = try Source.make(
            name, ["testsrc2=s=720x576:r=50:d=1,gblur=sigma=12,tinterlace=interleave_bottom"],
            [
                "-c:v", codec, "-flags", "+ildct+ilme", "-top", "0", "-pix_fmt",
                codec == "prores_ks" ? "yuv422p10" : "yuv420p",
            ])
        let made = try Made(source)
        #expect(Set(made.multivariant.variants.map(\.frameRate)) == [rate])
        #expect(try made.colors().count == Int(rate))
    }

    /// How far each line is from the mean of its neighbours.
    private func combs(_ picture: [[Int]], columns: Int) -> Double {
        let inner = columns..<picture.count - columns
        let sum = inner.reduce(0) {
            $0 + abs(2 * picture[$1][1] - picture[$1 - columns][1] - picture[$1 + columns][1])
        }
        return Double(sum) / Double(inner.count)
    }

    private func meanDistance(_ one: [[Int]], _ other: [[Int]]) -> Double {
        let distances = zip(one.joined(), other.joined()).map { abs($0 - $1) }
        return Double(distances.reduce(0, +)) / Double(max(1, distances.count))
    }

    // MARK: Streams

    /// Two sizes one after another in one stream become one size.
    @Test func aChangeOfSizeInTheMiddle() throws {
        let small = try Source.make("1.ts", [Source.quarters(size: "128x64")], Source.h264)
        let large = try Source.make(
            "2.ts", [Source.quarters(size: "192x96")], Source.h264 + ["-output_ts_offset", "1"])
        let both = try TestFiles.file(try TestFiles.read(small) + TestFiles.read(large), name: "both.ts")
        let made = try Made(both)
        let colors = try made.colors()
        #expect(abs(colors.count - 50) <= 1)
        for picture in [colors[3], colors[22], colors[28], colors[46]] {
            #expect(distance(picture, Source.quarterColors) < 40, "\(picture)")
        }
        #expect(made.result.renditions.map(\.name) == ["144p", "240p"])
    }

    /// The picture of a cover is not the video, even if it is larger.
    @Test(arguments: ["mp4", "mkv"]) func aCoverIsNotTheVideo(container: String) throws {
        let video = try Source.make("v.mp4", [Source.quarters()], Source.h264)
        let cover = try Source.make("c.png", ["color=yellow:s=200x200:r=1:d=1"], ["-frames:v", "1"])
        let attach = ["-map", "0", "-map", "1", "-c", "copy", "-disposition:v:1", "attached_pic"]
        let source = try Source.remake(
            "a.\(container)",
            container == "mp4"
                ? ["-i", video, "-i", cover] + attach
                : ["-i", video, "-attach", cover, "-metadata:s:t", "mimetype=image/png", "-c", "copy"])
        let made = try Made(source)
        #expect(made.result.width == 64 && made.result.height == 32)
        #expect(distance(try #require(try made.colors().first), Source.quarterColors) < 40)
        #expect(try made.colors().count == 25)
        let info = SourceInfo(try Demuxer(descriptor: try TestFiles.descriptor(source)))
        #expect(info.others.map(\.kind) == ["cover picture"])
    }
}
