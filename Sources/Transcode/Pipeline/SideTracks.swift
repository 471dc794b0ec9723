// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// All that plays beside the picture: the sound tracks and the text subtitles of a file.
///
/// Runs on the thread that reads the file.
final class SideTracks {
    /// Further tracks of a file are left out.
    static let soundsMax = 8
    static let subtitlesMax = 16

    private let sounds: [(stream: Int, pipeline: AudioPipeline)]
    private let subtitles: [(stream: Int, pipeline: SubtitlePipeline)]
    private let plan: SegmentPlan
    private let folder: String

    /// Measures how loud the sound is, and makes the folders of the sound tracks in `folder`, which must exist.
    /// `startSeconds` is the instant of the source that is 0 of the output.
    ///
    /// A sound track that can not be decoded is left out while there is another; else it is an error.
    init(
        demuxer: Demuxer, info: SourceInfo, startSeconds: Double, plan: SegmentPlan, folder: String
    ) throws(MediaError) {
        let declared = max(info.durationSeconds, info.declaredSeconds)
        let tracks = info.audioTracks.prefix(Self.soundsMax)
        let loudness = try LoudnessScan.measure(
            descriptor: demuxer.descriptor, streams: tracks.map(\.index), seconds: declared)
        var sounds: [(stream: Int, pipeline: AudioPipeline)] = []
        var refusal: MediaError?
        for track in tracks {
            let name = Self.name(AudioFormat.name, number: sounds.count + 1)
            do throws(MediaError) {
                try makeFolder("\(folder)/\(name)")
                let pipeline = try AudioPipeline(
                    stream: demuxer.streams[track.index], info: track, loudness: loudness[track.index], name: name,
                    startSeconds: startSeconds, declaredSeconds: declared, plan: plan, folder: "\(folder)/\(name)")
                sounds.append((track.index, pipeline))
            } catch .unusable(let reason) {
                refusal = refusal ?? .unusable(reason)
            }
        }
        if sounds.isEmpty, let refusal { throw refusal }
        self.sounds = sounds
        var subtitles: [(stream: Int, pipeline: SubtitlePipeline)] = []
        for track in info.subtitles.filter(\.isText).prefix(Self.subtitlesMax) {
            let pipeline = try? SubtitlePipeline(
                stream: demuxer.streams[track.index], info: track, startSeconds: startSeconds)
            if let pipeline { subtitles.append((track.index, pipeline)) }
        }
        self.subtitles = subtitles
        self.plan = plan
        self.folder = folder
    }

    /// The streams whose packets are wanted.
    var streams: [Int] { sounds.map(\.stream) + subtitles.map(\.stream) }

    /// The length of the longest sound so far in seconds; 0 when there is none.
    var soundSeconds: Double { sounds.map(\.pipeline.seconds).max() ?? 0 }

    /// Takes one packet of the source; nothing happens to one of another stream. `videoFrames` is how long the
    /// picture is known to go on.
    func push(_ packet: Packet, videoFrames: Int) throws(MediaError) {
        if let sound = sounds.first(where: { $0.stream == packet.streamIndex }) {
            try sound.pipeline.push(packet, videoFrames: videoFrames)
        } else if let subtitle = subtitles.first(where: { $0.stream == packet.streamIndex }) {
            subtitle.pipeline.push(packet)
        }
    }

    /// The source has no more packets.
    func drain() throws(MediaError) {
        for sound in sounds { try sound.pipeline.drain() }
    }

    /// Brings all to the picture's whole length, and ends.
    func finish(videoFrames: Int) throws(MediaError) -> [RenditionOutput] {
        var outputs: [RenditionOutput] = []
        for sound in sounds { outputs.append(try sound.pipeline.finish(videoFrames: videoFrames)) }
        var written = 0
        for subtitle in subtitles {
            let name = Self.name(SubtitlePipeline.name, number: written + 1)
            let output = try subtitle.pipeline.finish(
                videoFrames: videoFrames, plan: plan, name: name, folder: "\(folder)/\(name)")
            guard let output else { continue }
            outputs.append(output)
            written += 1
        }
        return outputs
    }

    /// `audio`, `audio-2`, `audio-3`, …
    private static func name(_ base: String, number: Int) -> String { number == 1 ? base : "\(base)-\(number)" }
}
