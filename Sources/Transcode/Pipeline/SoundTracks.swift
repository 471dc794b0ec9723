// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// All that plays beside the picture: the sound tracks of a file and its text subtitles. They are never cut into parts:
/// one encoder makes all of a track. Several passes over the file may feed them; each goes on where the last one
/// stopped.
///
/// Belongs to the reader's thread.
final class SoundTracks {
    /// Further tracks of a file are left out.
    static let soundsMax = 8
    static let subtitlesMax = 16

    private let sounds: [(stream: Int, pipeline: AudioPipeline)]
    private let subtitles: [(stream: Int, pipeline: SubtitlePipeline)]
    private let cuts: SegmentPlan
    private let folder: String
    private var packetsTaken = 0
    private var packetsSeen = 0

    convenience init(
        _ source: MediaSource, folder: String, announce: @escaping @Sendable (ChildMessage) -> Void
    ) throws(MediaError) {
        try self.init(
            source.demuxer, source.info, startSeconds: source.startSeconds, cuts: source.cuts, folder: folder,
            announce: announce)
    }

    /// Measures how loud the sound is, and makes the folders of the sound tracks in `folder`, which must exist.
    /// `startSeconds` is the instant of the source that is 0 of the output.
    ///
    /// A sound track that can not be decoded is left out while there is another; else it is an error.
    init(
        _ demuxer: Demuxer, _ info: SourceInfo, startSeconds: Double, cuts: SegmentPlan, folder: String,
        announce: @escaping @Sendable (ChildMessage) -> Void
    ) throws(MediaError) {
        let longest = Allowance.seconds(bytes: demuxer.size)
        let declared = min(max(info.durationSeconds, info.declaredSeconds), longest)
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
                    startSeconds: startSeconds, declaredSeconds: declared > 0 ? declared : longest, plan: cuts,
                    folder: "\(folder)/\(name)",
                    announce: announce)
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
        self.cuts = cuts
        self.folder = folder
    }

    /// The streams that it is fed from.
    var streams: Set<Int> { Set(sounds.map(\.stream) + subtitles.map(\.stream)) }
    var hasSubtitles: Bool { !subtitles.isEmpty }

    /// A pass over the file begins.
    func beginPass() { packetsSeen = 0 }

    /// Takes a packet, unless an earlier pass brought it; nothing happens to one of another stream. `videoFrames` is
    /// how long the picture is known to go on.
    func push(_ packet: Packet, videoFrames: Int) throws(MediaError) {
        guard streams.contains(packet.streamIndex) else { return }
        packetsSeen += 1
        guard packetsSeen > packetsTaken else { return }
        packetsTaken = packetsSeen
        if let sound = sounds.first(where: { $0.stream == packet.streamIndex }) {
            try sound.pipeline.push(packet, videoFrames: videoFrames)
        } else if let subtitle = subtitles.first(where: { $0.stream == packet.streamIndex }) {
            subtitle.pipeline.push(packet)
        }
    }

    /// The length of the sound so far in seconds, of the shortest track; without end when there is none.
    var seconds: Double { sounds.map(\.pipeline.seconds).min() ?? .infinity }

    /// That of the longest track; 0 when there is none.
    var longestSeconds: Double { sounds.map(\.pipeline.seconds).max() ?? 0 }

    /// Frames of sound that were decoded so far.
    var framesDecoded: Int { sounds.reduce(0) { $0 + $1.pipeline.framesDecoded } }

    /// The file has no more packets.
    func drain() throws(MediaError) {
        for sound in sounds { try sound.pipeline.drain() }
    }

    /// Fills up with silence or trims to the picture's length, and ends. Subtitles are stored only when that is the
    /// whole length.
    func finish(videoFrames: Int, isWhole: Bool) throws(MediaError) -> [RenditionOutput] {
        var outputs: [RenditionOutput] = []
        for sound in sounds { outputs.append(try sound.pipeline.finish(videoFrames: videoFrames)) }
        guard isWhole else { return outputs }
        var written = 0
        for subtitle in subtitles {
            let name = Self.name(SubtitlePipeline.name, number: written + 1)
            let output = try subtitle.pipeline.finish(
                videoFrames: videoFrames, plan: cuts, name: name, folder: "\(folder)/\(name)")
            guard let output else { continue }
            outputs.append(output)
            written += 1
        }
        return outputs
    }

    /// `audio`, `audio-2`, `audio-3`, …
    private static func name(_ base: String, number: Int) -> String { number == 1 ? base : "\(base)-\(number)" }
}
