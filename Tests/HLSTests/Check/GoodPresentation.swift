// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

/// A presentation of 15 s that breaks no rule, made from nothing; tests then break it on purpose.
///
/// Two variants of video at 25 frames a second, AAC, WebVTT, and an I-frame playlist with a picture each second for each
/// variant. The members of `Shape` change what is made, `files` what was made.
struct GoodPresentation: Sendable {
    /// One rendition of video.
    struct Video {
        var name: String
        var set: TestSPS
        var entry = "avc1"
        var codec: String { entry + "." + set.unit[1...3].map { MP4Hex.pair($0) }.joined() }
        /// Bytes of an IDR picture and of another one.
        var keyBytes: Int
        var otherBytes: Int
        var timescale = 12_800
        var frameDuration = 512
        var framesOfSegments = [150, 150, 75]
        var gopFrames = 50
        /// The first picture of this segment is no IDR picture.
        var openSegment: Int?
        /// The second picture of each segment is shown before the first.
        var hasLeadingPicture = false
        var decodeTimeShift = 0

        var framesPerSecond: Double { Double(timescale) / Double(frameDuration) }
        var track: TestTrack { TestTrack(kind: .video(set), timescale: timescale, entry: entry) }
    }

    struct Shape {
        var videos = [
            Video(
                name: "360p", set: TestSPS(width: 640, height: 360, level: 30), keyBytes: 4000, otherBytes: 400),
            Video(
                name: "240p", set: TestSPS(width: 416, height: 234, level: 13), keyBytes: 2000, otherBytes: 200),
        ]
        var audioObjectType = 2
        var audioChannels = 2
        var audioFrameBytes = 200
        var hasLoudness = true
        /// AAC frames of each segment: nearest to the cuts of the video.
        var audioFrames = [281, 282, 140]
        var iFrameSeconds = 1
        var iFrameUnitType = 5
    }

    var files: [String: [UInt8]] = [:]
    var root = "/master.m3u8"
    var limits = CheckLimits()
    /// Nil: the files of a folder.
    var delivery: (@Sendable (CheckRequest) -> Delivery)?
    private let shape: Shape

    init(_ edit: (inout Shape) -> Void = { _ in }) {
        var shape = Shape()
        edit(&shape)
        self.shape = shape
        for video in shape.videos {
            addVideo(video)
            addIFrames(video)
        }
        addAudio()
        addSubtitles()
        addMultivariant()
    }

    // MARK: What is made.

    static func playlist(_ segments: [(name: String, seconds: Double)], target: Int = 6, tags: String = "") -> String {
        var text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:\(target)\n#EXT-X-MEDIA-SEQUENCE:0\n"
        text += "#EXT-X-PLAYLIST-TYPE:VOD\n" + tags
        for segment in segments { text += "#EXTINF:\(decimal(segment.seconds, places: 6)),\n\(segment.name)\n" }
        return text + "#EXT-X-ENDLIST\n"
    }

    private static let map = "#EXT-X-MAP:URI=\"init.mp4\"\n"

    private mutating func addVideo(_ video: Video) {
        files["\(video.name)/init.mp4"] = video.track.initialization
        var start = 0
        var segments: [(String, Double)] = []
        for (number, frames) in video.framesOfSegments.enumerated() {
            let samples = (start..<start + frames).map { frame -> TestTrack.Sample in
                let isKey = frame.isMultiple(of: video.gopFrames) && !(frame == start && video.openSegment == number)
                return TestTrack.Sample(
                    isKey: isKey, unitType: isKey ? 5 : 1, bytes: isKey ? video.keyBytes : video.otherBytes,
                    duration: video.frameDuration,
                    offset: video.hasLeadingPicture && frame == start + 1 ? -2 * video.frameDuration : 0)
            }
            let time = start * video.frameDuration + video.decodeTimeShift
            files["\(video.name)/\(number).m4s"] = video.track.segment(at: time, samples)
            segments.append(("\(number).m4s", Double(frames) / video.framesPerSecond))
            start += frames
        }
        files["\(video.name)/index.m3u8"] = Array(Self.playlist(segments, tags: Self.map).utf8)
    }

    private mutating func addIFrames(_ video: Video) {
        var text = ""
        var file: [UInt8] = []
        let seconds = shape.iFrameSeconds
        for number in 0..<15 / seconds {
            let sample = TestTrack.Sample(
                isKey: shape.iFrameUnitType == 5, unitType: shape.iFrameUnitType, bytes: video.keyBytes,
                duration: seconds * video.timescale)
            let fragment = video.track.segment(at: number * seconds * video.timescale, [sample])
            text += "#EXTINF:\(seconds).000000,\n#EXT-X-BYTERANGE:\(fragment.count)@\(file.count)\niframes.m4s\n"
            file += fragment
        }
        files["\(video.name)/iframes.m4s"] = file
        let head = Self.playlist([], target: seconds, tags: "#EXT-X-I-FRAMES-ONLY\n" + Self.map)
        files["\(video.name)/iframes.m3u8"] = Array(
            (head.replacing("#EXT-X-ENDLIST\n", with: text) + "#EXT-X-ENDLIST\n").utf8)
    }

    var audioTrack: TestTrack {
        TestTrack(
            kind: .audio(objectType: shape.audioObjectType, channels: shape.audioChannels), timescale: 48_000,
            entry: "mp4a", hasLoudness: shape.hasLoudness)
    }

    private mutating func addAudio() {
        files["audio/init.mp4"] = audioTrack.initialization
        var start = 0
        var segments: [(String, Double)] = []
        for (number, frames) in shape.audioFrames.enumerated() {
            let sample = TestTrack.Sample(bytes: shape.audioFrameBytes, duration: 1024)
            files["audio/\(number).m4s"] = audioTrack.segment(
                at: start * 1024, Array(repeating: sample, count: frames))
            segments.append(("\(number).m4s", Double(frames * 1024) / 48_000))
            start += frames
        }
        files["audio/index.m3u8"] = Array(Self.playlist(segments, tags: Self.map).utf8)
    }

    private mutating func addSubtitles() {
        for (number, start) in ["00:01.000", "00:07.000", "00:13.000"].enumerated() {
            let text =
                "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n\(start) --> \(start.dropLast(3))900\nHello\n"
            files["text/\(number).vtt"] = Array(text.utf8)
        }
        let text = Self.playlist([("0.vtt", 6), ("1.vtt", 6), ("2.vtt", 3)])
        files["text/index.m3u8"] = Array(text.utf8)
    }

    private func rates(_ name: String, target: Int = 6) -> (peak: Int, average: Int) {
        guard case .media(let media)? = try? Playlist.parse(files["\(name).m3u8"] ?? []) else { return (0, 0) }
        let folder = name.prefix { $0 != "/" }
        let measures = media.segments.map { segment in
            let bytes = segment.byteRange?.length ?? files["\(folder)/\(segment.uri)"]?.count ?? 0
            return SegmentMeasure(bytes: bytes, durationSeconds: segment.durationSeconds)
        }
        return (peakSegmentBitRate(measures, targetDurationSeconds: target), averageSegmentBitRate(measures))
    }

    private mutating func addMultivariant() {
        var text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        text +=
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,"
        text += "CHANNELS=\"\(shape.audioChannels)\",URI=\"audio/index.m3u8\"\n"
        text +=
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"text\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,"
        text += "URI=\"text/index.m3u8\"\n"
        let others = [rates("audio/index"), rates("text/index")]
        for video in shape.videos {
            let own = rates("\(video.name)/index")
            let peak = own.peak + others.reduce(0) { $0 + $1.peak }
            let average = own.average + others.reduce(0) { $0 + $1.average }
            text += "#EXT-X-STREAM-INF:BANDWIDTH=\(peak),AVERAGE-BANDWIDTH=\(average),"
            text += "CODECS=\"\(video.codec),mp4a.40.\(shape.audioObjectType)\","
            text += "RESOLUTION=\(video.set.width)x\(video.set.height),"
            text += "FRAME-RATE=\(decimal(video.framesPerSecond, places: 3)),"
            text += "AUDIO=\"sound\",SUBTITLES=\"text\",CLOSED-CAPTIONS=NONE\n\(video.name)/index.m3u8\n"
        }
        for video in shape.videos {
            let own = rates("\(video.name)/iframes", target: shape.iFrameSeconds)
            text += "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=\(own.peak),AVERAGE-BANDWIDTH=\(own.average),"
            text += "CODECS=\"\(video.codec)\",RESOLUTION=\(video.set.width)x\(video.set.height),"
            text += "URI=\"\(video.name)/iframes.m3u8\"\n"
        }
        files["master.m3u8"] = Array(text.utf8)
    }
}

enum MP4Hex {
    static func pair(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}

extension GoodPresentation {
    // MARK: Breaking it.

    func text(_ file: String) -> String { String(decoding: files[file] ?? [], as: UTF8.self) }

    /// Replaces what occurs first, or with `everywhere` all that occurs; it has to occur.
    mutating func replace(_ old: String, with new: String, in file: String, everywhere: Bool = false) {
        let text = text(file)
        #expect(text.contains(old), "\(old) is not in \(file)")
        files[file] = Array(text.replacing(old, with: new, maxReplacements: everywhere ? .max : 1).utf8)
    }

    /// Replaces in all media playlists.
    mutating func replaceInAll(_ old: String, with new: String) {
        for file in files.keys.sorted() where file.hasSuffix(".m3u8") && text(file).contains(old) {
            replace(old, with: new, in: file, everywhere: true)
        }
    }

    /// Takes a pattern's first match out of a file.
    mutating func remove(_ old: String, from file: String) { replace(old, with: "", in: file) }

    /// Changes the bytes of the body of a box.
    mutating func edit(_ file: String, _ path: [String], _ change: (inout ArraySlice<UInt8>) -> Void) {
        var bytes = files[file] ?? []
        guard let box = mp4Box(in: bytes, path: path) else {
            Issue.record("\(path) is not in \(file)")
            return
        }
        var body = bytes[box.body]
        change(&body)
        #expect(body.count == box.body.count)
        bytes.replaceSubrange(box.body, with: body)
        files[file] = bytes
    }

    /// Renames a box.
    mutating func rename(_ file: String, _ path: [String], to type: String) {
        var bytes = files[file] ?? []
        guard let box = mp4Box(in: bytes, path: path) else {
            Issue.record("\(path) is not in \(file)")
            return
        }
        bytes.replaceSubrange(box.body.lowerBound - 4..<box.body.lowerBound, with: Array(type.utf8))
        files[file] = bytes
    }

    // MARK: Checking it.

    func response(_ request: CheckRequest) -> CheckResponse {
        let prefix = root.hasPrefix("/") ? "/" : String(root.prefix(root.count - "master.m3u8".count))
        guard request.address.hasPrefix(prefix), let bytes = files[String(request.address.dropFirst(prefix.count))]
        else {
            return .failure("no such file")
        }
        guard bytes.count <= request.bytesMax else { return .failure("too large") }
        let range = (request.range ?? 0..<bytes.count).clamped(to: 0..<bytes.count)
        return .content(Array(bytes[range]), delivery?(request))
    }

    func check() -> CheckReport {
        var check = PresentationCheck(root: root, limits: limits)
        while let request = check.next() { check.receive(response(request)) }
        return check.report()
    }
}
