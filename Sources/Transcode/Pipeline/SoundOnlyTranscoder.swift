// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Turns a file without video into a folder of HLS: its sound tracks and subtitles.
///
/// The cuts are those of a video of 25 frames a second, as the sound of a video has them.
final class SoundOnlyTranscoder {
    static let frameRate = FrameRate(numerator: 25, denominator: 1)

    private let demuxer: Demuxer
    private let info: SourceInfo
    private let folder: String
    private let plan = SegmentPlan(frameRate: SoundOnlyTranscoder.frameRate)
    private let tracks: SoundTracks
    private let announce: @Sendable (ChildMessage) -> Void

    /// The file must hold sound. `folder` must exist.
    init(
        _ demuxer: Demuxer, _ info: SourceInfo, folder: String, announce: @escaping @Sendable (ChildMessage) -> Void
    ) throws(MediaError) {
        guard info.durationSeconds <= SourceInfo.durationSecondsMax else {
            throw MediaError.unusable("The sound is longer than 24 hours, the most that is accepted.")
        }
        guard demuxer.bytesMissing() == 0 else {
            throw MediaSource.endsEarly(declared: info.durationSeconds, found: nil, of: "sound")
        }
        self.demuxer = demuxer
        self.info = info
        self.folder = folder
        self.announce = announce
        tracks = try SoundTracks(
            demuxer, info, startSeconds: demuxer.startSeconds, cuts: plan, folder: folder, announce: announce)
        demuxer.select(streams: tracks.streams)
    }

    /// Does all the work; what is in the folder is complete only when this returns.
    func run() throws(MediaError) -> MediaResult {
        let packet = try Packet()
        var count = 0
        let expected = max(1, info.durationSeconds)
        while try demuxer.read(into: packet) {
            let seconds = tracks.longestSeconds
            guard seconds <= SourceInfo.durationSecondsMax else {
                throw MediaError.unusable("The sound is longer than 24 hours, the most that is accepted.")
            }
            try tracks.push(packet, videoFrames: Int(seconds * plan.frameRate.value))
            count += 1
            if count % 64 == 0 { announce(.progress(min(99, seconds / expected * 100))) }
        }
        try tracks.drain()
        let found = tracks.longestSeconds
        guard found > 0 else {
            throw MediaError.unusable("The file is damaged: nothing of its sound could be decoded.")
        }
        if info.durationSeconds - found > max(2, info.durationSeconds * 0.05) {
            throw MediaSource.endsEarly(declared: info.durationSeconds, found: found, of: "sound")
        }
        let frames = Int((found * plan.frameRate.value).rounded(.up))
        let renditions = try tracks.finish(videoFrames: frames, isWhole: true)
        return MediaResult(
            durationSeconds: plan.frameRate.seconds(frames: frames), width: 0, height: 0, renditions: renditions,
            firstFrame: 0, endFrame: frames)
    }
}
