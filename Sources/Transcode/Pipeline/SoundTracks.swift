// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// The sound of a video. It is never cut into parts: one encoder makes all of a track. Several passes over the file
/// may feed it; each goes on where the last one stopped.
///
/// Belongs to the reader's thread.
final class SoundTracks {
    private let pipeline: AudioPipeline?
    private let stream: Int
    private var packetsTaken = 0
    private var packetsSeen = 0

    init(
        _ source: MediaSource, folder: String, announce: @escaping @Sendable (ChildMessage) -> Void
    ) throws(MediaError) {
        stream = source.info.audio?.index ?? -1
        guard let info = source.info.audio else {
            pipeline = nil
            return
        }
        try makeFolder("\(folder)/\(AudioFormat.name)")
        pipeline = try AudioPipeline(
            stream: source.demuxer.streams[info.index], info: info, startSeconds: source.startSeconds,
            declaredSeconds: source.soundSecondsMax, plan: source.cuts,
            folder: "\(folder)/\(AudioFormat.name)", announce: announce)
    }

    /// The streams that it is fed from.
    var streams: Set<Int> { pipeline == nil ? [] : [stream] }

    /// A pass over the file begins.
    func beginPass() { packetsSeen = 0 }

    /// Takes a packet, unless an earlier pass brought it. `videoFrames` is how long the picture is known to go on.
    func push(_ packet: Packet, videoFrames: Int) throws(MediaError) {
        guard let pipeline, packet.streamIndex == stream else { return }
        packetsSeen += 1
        guard packetsSeen > packetsTaken else { return }
        packetsTaken = packetsSeen
        try pipeline.push(packet, videoFrames: videoFrames)
    }

    /// The length of the sound so far in seconds, of the shortest track; without end when there is none.
    var seconds: Double { pipeline?.seconds ?? .infinity }

    /// Frames of sound that were decoded so far.
    var framesDecoded: Int { pipeline?.framesDecoded ?? 0 }

    /// The file has no more packets.
    func drain() throws(MediaError) { try pipeline?.drain() }

    /// Fills up with silence or trims to the picture's whole length, and ends.
    func finish(videoFrames: Int) throws(MediaError) -> [RenditionOutput] {
        guard let pipeline else { return [] }
        return [try pipeline.finish(videoFrames: videoFrames)]
    }
}
