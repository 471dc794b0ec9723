// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import Glibc

/// One track of text subtitles: decodes, puts on the output's time line, and stores as WebVTT segments.
///
/// The cues of a whole film are some hundred kilobytes: they are kept until the length of the video is known. A
/// segment is as long as ten of the video's, which rule 5.7 of Apple's HLS authoring specification allows in a
/// finished playlist: a film has a hundred small files in place of a thousand tiny ones.
final class SubtitlePipeline {
    static let name = "subtitles"
    /// Segments of the video that one segment of subtitles goes over.
    static let videoSegments = 10
    private static let cuesMax = 100_000
    /// How long a subtitle stands that does not say so, unless the next one comes before.
    private static let millisecondsDefault = 4000

    private let decoder: SubtitleDecoder
    private let info: SourceInfo.SubtitleStream
    private let startSeconds: Double
    private let timeBase: AVRational
    private var cues: [SubtitleCue] = []

    /// `startSeconds` is the instant of the source that is 0 of the output.
    init(
        stream: UnsafeMutablePointer<AVStream>, info: SourceInfo.SubtitleStream, startSeconds: Double
    ) throws(MediaError) {
        decoder = try SubtitleDecoder(stream: stream)
        self.info = info
        self.startSeconds = startSeconds
        timeBase = stream.pointee.time_base
    }

    /// Takes one packet of the source.
    func push(_ packet: Packet) {
        let time = packet.pointer.pointee.pts
        guard time != spw_av_no_timestamp(), cues.count < Self.cuesMax else { return }
        let start = milliseconds(Double(time) * av_q2d(timeBase) - startSeconds)
        let duration = milliseconds(Double(packet.pointer.pointee.duration) * av_q2d(timeBase))
        for event in decoder.decode(packet) {
            let text = WebVTT.cueText(event: event)
            guard !text.isEmpty, start >= 0 || start + duration > 0 else { continue }
            cues.append(
                SubtitleCue(
                    startMilliseconds: max(0, start), endMilliseconds: duration > 0 ? start + duration : -1, text: text)
            )
        }
    }

    /// Stores the segments of a video of `videoFrames` frames in `folder`, which is made. Nil when there is nothing to
    /// read.
    func finish(
        videoFrames: Int, plan: SegmentPlan, name: String, folder: String
    ) throws(MediaError) -> RenditionOutput? {
        let cues = ordered()
        guard !cues.isEmpty, videoFrames > 0 else { return nil }
        try makeFolder(folder)
        let step = plan.segmentFrames * Self.videoSegments
        var segments: [SegmentFile] = []
        for first in stride(from: 0, to: videoFrames, by: step) {
            let end = min(first + step, videoFrames)
            let from = milliseconds(plan.frameRate.seconds(frames: first))
            let to = milliseconds(plan.frameRate.seconds(frames: end))
            let bytes = Array(WebVTT.segment(cues, in: from..<to).utf8)
            let file = SegmentFile(
                name: "\(segments.count).vtt", bytes: bytes.count,
                durationSeconds: plan.frameRate.seconds(frames: end - first))
            try writeFile("\(folder)/\(file.name)", bytes)
            segments.append(file)
        }
        return RenditionOutput(
            kind: .subtitles, name: name, codecs: "", language: info.language, title: info.title,
            isForced: info.isForced, segments: segments)
    }

    /// In the order of time; a cue without an end is given one.
    private func ordered() -> [SubtitleCue] {
        var sorted = cues.enumerated().sorted {
            ($0.element.startMilliseconds, $0.offset) < ($1.element.startMilliseconds, $1.offset)
        }.map(\.element)
        for index in sorted.indices where sorted[index].endMilliseconds < 0 {
            let start = sorted[index].startMilliseconds
            let next = sorted[(index + 1)...].first { $0.startMilliseconds > start }?.startMilliseconds
            sorted[index].endMilliseconds = min(start + Self.millisecondsDefault, next ?? .max)
        }
        return sorted
    }

    private func milliseconds(_ seconds: Double) -> Int {
        seconds.isFinite ? Int((min(max(seconds, -1e9), 1e9) * 1000).rounded()) : 0
    }
}
