// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// An open file with what is decided for all of it: the time line, the frame rate, the cuts, the ladder.
///
/// The same file gives the same decisions however often it is opened: parts that different processes make fit.
/// Belongs to one thread.
final class MediaSource {
    /// A sound that starts earlier than the picture by less than this is trimmed to it, in seconds.
    private static let soundLeadSeconds = 0.1
    /// Formats with an index of all samples or of all key frames, whose times are presentation times. In others
    /// libav guesses its way by bit rate or by times that need not rise.
    private static let seekableFormats: Set<String> = ["mov", "mp4", "matroska", "webm"]

    /// Pictures before a wanted one that the deinterlacer must have seen.
    static let interlacedLeadPictures = 3

    let descriptor: Int32
    let demuxer: Demuxer
    let info: SourceInfo
    let video: SourceInfo.VideoStream
    let stream: UnsafeMutablePointer<AVStream>
    /// The unit of the video's times.
    let timeBase: AVRational
    /// The instant of the source that is 0 of the output, in seconds.
    let startSeconds: Double
    let videoStartSeconds: Double
    let rate: OutputRate
    let cuts: SegmentPlan
    /// Lowest first, never empty.
    let ladder: [Rung]

    /// Opens the file behind `descriptor`; throws the reason why there is nothing to transcode.
    convenience init(descriptor: Int32) throws(MediaError) {
        let demuxer = try Demuxer(descriptor: descriptor)
        try self.init(demuxer, SourceInfo(demuxer))
    }

    /// Takes over a file that was just opened.
    init(_ demuxer: Demuxer, _ info: SourceInfo) throws(MediaError) {
        let video = try info.checkUsable()
        guard demuxer.bytesMissing() == 0 else { throw Self.endsEarly(declared: info.declaredSeconds, found: nil) }
        descriptor = demuxer.descriptor
        self.demuxer = demuxer
        self.info = info
        self.video = video
        stream = demuxer.streams[video.index]
        timeBase = stream.pointee.time_base
        rate = OutputRate(stream: stream)
        cuts = SegmentPlan(frameRate: rate.frameRate)
        ladder = Ladder.rungs(source: PictureSize(width: video.width, height: video.height))
        let videoStart = Self.start(stream) ?? 0
        videoStartSeconds = videoStart
        let audioStart = info.audio.flatMap { Self.start(demuxer.streams[$0.index]) } ?? videoStart
        startSeconds = audioStart < videoStart - Self.soundLeadSeconds ? audioStart : videoStart
    }

    /// The size of the largest rung.
    var topSize: PictureSize { ladder[ladder.count - 1].size }

    /// The streams whose sound is delivered.
    var soundStreams: [Int] { info.audioTracks.prefix(SoundTracks.soundsMax).map(\.index) }

    /// How long the sound may be, in seconds.
    var soundSecondsMax: Double {
        let declared = max(info.durationSeconds, info.declaredSeconds)
        let longest = Allowance.seconds(bytes: demuxer.size)
        return declared > 0 ? min(declared, longest) : longest
    }

    /// The output frames that there should be, 1 at least.
    var framesExpected: Int { max(1, Int((declaredSeconds * cuts.frameRate.value).rounded())) }

    /// The length of the output's time line by what the file says, in seconds; 0 when it says nothing.
    var declaredSeconds: Double {
        let declared = min(info.declaredSeconds, Allowance.seconds(bytes: demuxer.size))
        // Where the sound begins long before the picture the difference may be anything.
        return declared > 0 ? min(SourceInfo.durationSecondsMax, declared + videoStartSeconds - startSeconds) : 0
    }

    /// The rungs of these names, lowest first; all for nil.
    func rungs(_ names: [String]?) throws(MediaError) -> [Rung] {
        guard let names else { return ladder }
        let chosen = ladder.filter { names.contains($0.name) }
        guard !chosen.isEmpty, chosen.count == names.count else {
            throw MediaError.failed("rungs that the video does not have: \(names)")
        }
        return chosen
    }

    /// How much of the output's time line a part may start in, in seconds: up to the last key frame in the file's
    /// index. 0 when key frames can not be found, or when pictures do not carry their times. Moves the reading place.
    func seekableSeconds() -> Double {
        let names = info.format.split(separator: ",").map(String.init)
        guard !Self.seekableFormats.isDisjoint(with: names), let start = Self.start(stream) else { return 0 }
        // Matroska's index is read at the first seek.
        guard demuxer.seek(stream: video.index, timestamp: timestamp(seconds: start)) else { return 0 }
        let count = avformat_index_get_entries_count(stream)
        for number in stride(from: count - 1, to: 0, by: -1) {
            guard let entry = avformat_index_get_entry(stream, number),
                entry.pointee.flags & AVINDEX_KEYFRAME != 0
            else { continue }
            return Double(entry.pointee.timestamp) * av_q2d(timeBase) - startSeconds
        }
        // A recording that was not closed, or a fragmented file: a seek would read from the beginning.
        return 0
    }

    /// The last key frame in the index at or before this time is where decoding begins for output frame `frame`, or for
    /// what is `back` seconds before it; in the video's units.
    func seekTimestamp(frame: Int, back: Double = 0) -> Int64 {
        let parameters = stream.pointee.codecpar.pointee
        var lead = 0.25
        // Twice as far as must be, so that one attempt is enough.
        if OutputRate.isInterlaced(parameters) {
            lead -= Double(2 * Self.interlacedLeadPictures * rate.framesPerPicture)
        }
        // The index of MP4 has the times of decoding. A key frame's is ahead of its picture's by the reordering.
        if info.format.hasPrefix("mov") { lead -= Double(Int(parameters.video_delay) * rate.framesPerPicture) }
        return timestamp(seconds: (Double(frame) + lead) / cuts.frameRate.value - back + startSeconds)
    }

    /// A time of the source in the video's units. What a damaged file claims may lie beyond them.
    func timestamp(seconds: Double) -> Int64 {
        let exact = seconds / av_q2d(timeBase)
        return exact.isNaN ? 0 : Int64(min(0x1p62, max(-0x1p62, exact)))
    }

    /// The reason that a cut-off file is refused for.
    static func endsEarly(declared: Double, found: Double?, of kind: String = "video") -> MediaError {
        func text(_ seconds: Double) -> String { "\((seconds * 10).rounded() / 10) s" }
        let what =
            found.map { "it declares \(text(declared)) of \(kind), but only \(text($0)) could be read" }
            ?? "it declares \(text(declared)) of \(kind), but the end of its data is missing"
        return .unusable(
            "The file ends too early: \(what). It was probably cut off while it was recorded, copied or uploaded.")
    }

    private static func start(_ stream: UnsafeMutablePointer<AVStream>) -> Double? {
        let start = stream.pointee.start_time
        return start == spw_av_no_timestamp() ? nil : Double(start) * av_q2d(stream.pointee.time_base)
    }
}
