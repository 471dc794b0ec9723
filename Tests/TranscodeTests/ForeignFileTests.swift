// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Transcode

/// Files that name other files or addresses, and files that ask for too much: the first get nothing, the second end.
@Suite struct ForeignFileTests {
    func outcome(_ path: String) throws -> ChildOutcome {
        try ChildProcessTests().outcome(path)
    }

    /// A MOV without pictures of its own: its data reference, an alias, names `data` in the same folder.
    ///
    /// Built from a whole file whose `moov` comes last: the entry of `dref` is replaced, and the boxes around it grow.
    static func aliasMovie(_ whole: [UInt8], naming name: String) throws -> [UInt8] {
        let path = ["moov", "trak", "mdia", "minf", "dinf", "dref"]
        var bytes = whole
        var starts: [Int] = []
        var from = 0
        for kind in path {
            let start = try #require(box(kind, in: bytes, from: from))
            starts.append(start)
            from = start + 8
        }
        let dref = starts[5]
        let size = Int(number(bytes, at: dref))
        let replacement = drefBox(naming: name)
        bytes.replaceSubrange(dref..<dref + size, with: replacement)
        for start in starts.dropLast() {
            write(&bytes, Int(number(bytes, at: start)) + replacement.count - size, at: start)
        }
        return bytes
    }

    /// `dref` with one alias record (QuickTime File Format, "Data reference atoms"): a path relative to the movie.
    private static func drefBox(naming name: String) -> [UInt8] {
        var alias = [UInt8](repeating: 0, count: 150)
        // Record version 2, kind file; the volume's name; the file's name; levels up from the movie and from the root.
        alias[5] = 150
        alias[7] = 2
        alias[50] = UInt8(name.utf8.count)
        alias.replaceSubrange(51..<51 + name.utf8.count, with: Array(name.utf8))
        alias[131] = 1
        alias[133] = 1
        // Type 2: the absolute path. Type -1: the end.
        let path = Array(("/" + name).utf8)
        var tail: [UInt8] = [0, 2, 0, UInt8(path.count)] + path
        if !path.count.isMultiple(of: 2) { tail.append(0) }
        tail += [0xFF, 0xFF, 0, 0]
        func big(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        let entry = Array("alis".utf8) + [0, 0, 0, 0] + alias + tail
        let content = [0, 0, 0, 0] + big(1) + big(entry.count + 4) + entry
        return big(content.count + 8) + Array("dref".utf8) + content
    }

    private static func number(_ bytes: [UInt8], at: Int) -> UInt32 {
        bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func write(_ bytes: inout [UInt8], _ value: Int, at: Int) {
        for index in 0..<4 { bytes[at + index] = UInt8(truncatingIfNeeded: value >> (24 - 8 * index)) }
    }

    private static func box(_ kind: String, in bytes: [UInt8], from: Int) -> Int? {
        bytes.indices.dropLast(8).first { $0 >= from && Array(bytes[$0 + 4..<$0 + 8]) == Array(kind.utf8) }
    }

    @Test func aMovieWhosePicturesLieInAnotherFile() throws {
        let folder = try TestFiles.folder()
        let whole = folder + "/data"
        try Clip.ffmpeg(
            ["testsrc2=size=64x64:rate=25:duration=1"],
            ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-f", "mov"], whole)
        var bytes = try Self.aliasMovie(try TestFiles.read(whole), naming: "data")
        // Nothing of its own: what stands in its mdat is not the pictures.
        let data = try #require(Self.box("mdat", in: bytes, from: 0))
        for index in data + 8..<data + Int(Self.number(bytes, at: data)) { bytes[index] = 0 }
        let movie = folder + "/movie.mov"
        try Data(bytes).write(to: URL(fileURLWithPath: movie))

        let watch = try OpenWatch(whole)
        guard case .unusable = try outcome(movie) else {
            Issue.record("the movie was used")
            return
        }
        #expect(!watch.wasOpened)
        // A program that follows data references does find the pictures there.
        let frames = try Tool.run(
            "ffprobe",
            [
                "-v", "error", "-enable_drefs", "1", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of",
                "csv=p=0", movie,
            ])
        #expect(String(decoding: frames.output, as: UTF8.self).hasPrefix("25"), "\(frames)")
        #expect(watch.wasOpened)
    }

    /// Playlists and lists of files inside of containers, and behind bytes that hide them from a look at the start.
    @Test func listsInsideOfContainersOpenNothing() throws {
        let secret = try TestFiles.file(Array("secret".utf8), name: "secret.ts")
        let watch = try OpenWatch(secret)
        let hls = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n\(secret)\n#EXT-X-ENDLIST\n"
        let concat = "ffconcat version 1.0\nfile '\(secret)'\n"
        for text in [hls, concat] {
            let content = Array(text.utf8)
            let size = UInt8((content.count + 8) >> 8)
            let boxed: [UInt8] =
                [0, 0, size, UInt8(truncatingIfNeeded: content.count + 8)] + Array("free".utf8) + content
            for bytes in [content, boxed, [0, 0, 0, 8] + Array("wide".utf8) + content, [0x47, 0x40] + content] {
                guard case .unusable = try outcome(try TestFiles.file(bytes)) else {
                    Issue.record("accepted: \(text)")
                    continue
                }
            }
        }
        #expect(!watch.wasOpened)
        _ = try TestFiles.read(secret)
        #expect(watch.wasOpened)
    }

    /// A subtitle track of an AVI (GAB2) that claims to be a playlist: CVE-2017-9993.
    @Test func aSubtitleTrackThatIsAPlaylist() throws {
        let secret = try TestFiles.file(Array("secret".utf8), name: "secret.ts")
        let watch = try OpenWatch(secret)
        let file = try TestFiles.folder() + "/a.avi"
        try Clip.ffmpeg(["testsrc2=size=64x64:rate=25:duration=1"], ["-c:v", "mpeg4"], file)
        var bytes = try TestFiles.read(file)
        // A chunk of text behind the header list, where the demuxer looks for subtitles.
        let text = Array("#EXTM3U\n#EXTINF:1,\n\(secret)\n#EXT-X-ENDLIST\n".utf8)
        let subtitle = Array("GAB2\0".utf8) + [2, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0] + text
        let chunk = Array("01tx".utf8) + [UInt8(subtitle.count), 0, 0, 0] + subtitle
        let movie = try #require(bytes.indices.dropLast(4).first { Array(bytes[$0..<$0 + 4]) == Array("movi".utf8) })
        bytes.insert(contentsOf: chunk, at: movie + 4)
        _ = try outcome(try TestFiles.file(bytes))
        #expect(!watch.wasOpened)
    }

    @Test func aCodecThatIsNotOnTheList() throws {
        let file = try TestFiles.folder() + "/a.avi"
        try Clip.ffmpeg(["testsrc2=size=64x64:rate=25:duration=1"], ["-c:v", "snow", "-strict", "-2"], file)
        #expect(try outcome(file) == .unusable("The file is coded in a way that is not supported (snow)."))
    }

    @Test func aFileOfManyStreams() throws {
        let file = try TestFiles.folder() + "/a.mkv"
        let many = (0..<40).flatMap { _ in ["-map", "0:v"] }
        try Clip.ffmpeg(["testsrc2=size=16x16:rate=5:duration=1"], many + ["-c:v", "ffv1"], file)
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        let count = (try? Demuxer(descriptor: descriptor))?.streams.count ?? 0
        #expect(count <= Demuxer.streamsMax)
        // The program would take all of them.
        #expect(try Probed(file).streams.count == 40)
    }

    @Test func pixelsWithoutEnd() throws {
        // The size in the sequence header of MPEG-1 is all that a bomb needs: 4095x4095 is accepted, what H.264 or
        // a container may declare beyond is not.
        let file = try TestFiles.folder() + "/a.mkv"
        try Clip.ffmpeg(["color=size=16384x8192:rate=1:duration=1"], ["-c:v", "mjpeg"], file)
        #expect(
            try outcome(file)
                == .unusable(
                    "The video's picture of 16384x8192 is larger than the largest that is accepted, 8192x4320."))
    }

    /// One picture, and another one after two hours: 20 KB that would become two hours of video.
    @Test func timesThatGoFarBeyondTheContent() throws {
        func movie(gap seconds: Int) throws -> String {
            let file = try TestFiles.folder() + "/a.mkv"
            let times = "setpts='if(lt(N,5),N,N+\(seconds * 25))/25/TB'"
            try Clip.ffmpeg(
                ["testsrc2=size=64x64:rate=25:duration=0.4,\(times)"],
                ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-vsync", "vfr"], file)
            return file
        }
        #expect(
            try outcome(try movie(gap: 7200))
                == .unusable("The file is damaged: its times go far beyond what it holds."))
        guard case .result(let result) = try outcome(try movie(gap: 20)) else {
            Issue.record("no result")
            return
        }
        #expect(abs(result.durationSeconds - 20.4) < 0.2)
    }

    @Test func packetsThatBringNothing() throws {
        var allowance = Allowance(most: 3, sentence: "Too much.")
        for decoded in [0, 0, 1, 1, 1, 2, 2, 2] { try allowance.use(progress: decoded) }
        #expect(throws: MediaError.unusable("Too much.")) { try allowance.use(progress: 2) }
    }

    /// Pictures each of which has another size than the one before.
    @Test(.timeLimit(.minutes(2))) func picturesThatChangeTheirSizeForEver() throws {
        let pictures = try ["64x64", "96x64"].map { size in
            let file = try TestFiles.folder() + "/a.jpg"
            try Clip.ffmpeg(["testsrc2=size=\(size):rate=50:duration=0.02"], ["-c:v", "mjpeg", "-f", "mjpeg"], file)
            return try TestFiles.read(file)
        }
        func movie(_ count: Int) throws -> String {
            let list = try TestFiles.file((0..<count).flatMap { pictures[$0 % 2] }, name: "list.mjpeg")
            let file = try TestFiles.folder() + "/a.mkv"
            try Tool.succeed("ffmpeg", ["-v", "error", "-r", "50", "-f", "mjpeg", "-i", list, "-c", "copy", file])
            return file
        }
        #expect(try outcome(try movie(20)).name == "result")
        #expect(
            try outcome(try movie(1200))
                == .unusable("The file can not be used: the form of its pictures or sound changes too often."))
    }
}

/// Tells whether somebody opened a file, by inotify(7).
private final class OpenWatch {
    private let descriptor: Int32

    init(_ path: String) throws {
        // IN_NONBLOCK and IN_OPEN.
        descriptor = inotify_init1(Int32(O_NONBLOCK))
        guard descriptor >= 0, inotify_add_watch(descriptor, path, 0x20) >= 0 else {
            throw Tool.Failure(description: "watch \(path): errno \(errno)")
        }
    }

    deinit { close(descriptor) }

    var wasOpened: Bool {
        var events = [UInt8](repeating: 0, count: 4096)
        return read(descriptor, &events, events.count) > 0
    }
}
