// SPDX-License-Identifier: Apache-2.0

import HLS

/// All of a video in one process, the first segments of the lowest rung before all else, so that it can be played. A
/// short video is read once: the larger rungs hold their pictures until the lowest has its first segment. Of others the
/// head of the lowest rung is made in a pass of its own; then comes a pass over the whole file for all the rest.
///
/// Belongs to one thread.
final class WholeVideo {
    /// What all rungs but the lowest would need to hold their pictures, in bytes: 6 s of 1280x720 at 30 frames a second fit.
    /// To scale, to write and to read again the pictures of larger ones takes longer than to decode twice.
    private static let heldBytesMax = 640 << 20
    /// Of a longer video, in seconds, the second reading of the head is less than a tenth of the reading; memory that was
    /// once used for held pictures stays in use to the end.
    private static let heldSecondsMax = 120.0

    private let source: MediaSource
    private let folder: String
    private let preset: String
    private let announce: @Sendable (ChildMessage) -> Void
    private let sound: SoundTracks
    /// So many frames of the lowest rung are made before the larger ones begin, in one pass; 0: in a pass of its own.
    private let heldFrames: Int
    private let headSegments: Int
    private let headRungs: [Rung]
    private var head: [RenditionOutput] = []
    private let pictures: PictureSet
    private var progress: PartProgress
    /// The frames that the picture surely has.
    private var framesKnown = 0

    /// `source` has just been opened.
    init(
        _ source: MediaSource, folder: String, preset: String, announce: @escaping @Sendable (ChildMessage) -> Void
    ) throws(MediaError) {
        self.source = source
        self.folder = folder
        self.preset = preset
        self.announce = announce
        sound = try SoundTracks(source, folder: folder, announce: announce)
        heldFrames = RungCascade.sharesTypes(preset: preset) ? Self.heldFrames(source) : 0
        headSegments = heldFrames > 0 ? 0 : MediaPlan.headSegments(source, isWhole: true)
        headRungs = headSegments > 0 ? Array(source.ladder.prefix(MediaPlan.headRungsMax)) : []
        pictures = PictureSet(source, folder: folder)
        progress = PartProgress(source.ladder.map { ($0, source.framesExpected) })
    }

    func run() throws(MediaError) -> MediaResult {
        if headSegments > 0 { try makeHead() }
        let (frames, rungs) = try makeRest()
        let renditions =
            rungs.map { rung in
                guard var whole = head.first(where: { $0.name == rung.name }) else { return rung }
                whole.segments += rung.segments
                return whole
            } + (try sound.finish(videoFrames: frames, isWhole: true))
        let pictureNames = try pictures.finish(frames: frames)
        let result = MediaResult(
            durationSeconds: source.cuts.frameRate.seconds(frames: frames), width: source.video.width,
            height: source.video.height, renditions: renditions, pictures: pictureNames, firstFrame: 0, endFrame: frames
        )
        try PartCheck(source.cuts).check(result, segments: 0..<Int.max)
        return result
    }

    /// The frames that make the first segment certain, if the larger rungs can hold as many; else 0.
    private static func heldFrames(_ source: MediaSource) -> Int {
        guard MediaPlan.headSegments(source, isWhole: true) > 0, source.declaredSeconds <= heldSecondsMax else {
            return 0
        }
        let frames = source.cuts.frames(segments: 0..<1).upperBound + source.cuts.slackFrames + 1
        let bytes = source.ladder.dropFirst().reduce(0) { $0 + $1.size.width * $1.size.height * 3 / 2 }
        return bytes * frames <= heldBytesMax ? frames : 0
    }

    private func makeHead() throws(MediaError) {
        let segments = 0..<headSegments
        let frames = source.cuts.frames(segments: segments)
        // The plan is sure that the picture goes on behind the head.
        framesKnown = frames.upperBound + source.cuts.slackFrames + 1
        let seconds = source.cuts.frameRate.seconds(frames: frames.upperBound) + 0.1
        let shares = headRungs.map { RungCascade.Share(rung: $0, segments: segments) }
        head = try pass(source, shares: shares, frames: frames, wantsPackets: { [sound] in sound.seconds < seconds }).1
    }

    private func makeRest() throws(MediaError) -> (frames: Int, rungs: [RenditionOutput]) {
        let again = head.isEmpty ? source : try MediaSource(descriptor: source.descriptor)
        let shares = source.ladder.map { rung in
            let isInHead = head.contains { $0.name == rung.name }
            return RungCascade.Share(rung: rung, segments: (isInHead ? headSegments : 0)..<Int.max)
        }
        let (frames, rungs) = try pass(again, shares: shares, frames: 0..<Int.max, wantsPackets: { false })
        try sound.drain()
        return (frames, rungs)
    }

    private func pass(
        _ source: MediaSource, shares: [RungCascade.Share], frames: Range<Int>, wantsPackets: @escaping () -> Bool
    ) throws(MediaError) -> (frames: Int, rungs: [RenditionOutput]) {
        source.demuxer.select(streams: sound.streams.union([source.video.index]))
        sound.beginPass()
        let isWhole = frames.upperBound == Int.max
        let cascade = try RungCascade(
            source, shares: shares, folder: folder, preset: preset, headFrames: isWhole ? heldFrames : 0,
            announce: announce)
        let sink = PictureReader.Sink(
            picture: { [self] (frame, number) throws(MediaError) in
                if isWhole { try pictures.consider(frame, number: number) }
                try cascade.push(frame, number: number)
                framesKnown = max(framesKnown, number + 1)
                progress.tell(cascade, announce)
            },
            packet: { [self] (packet) throws(MediaError) in try sound.push(packet, videoFrames: framesKnown) },
            framesDecoded: { [sound] in sound.framesDecoded }, wantsPackets: wantsPackets)
        do throws(MediaError) {
            try cascade.start()
            let end = try PictureReader.read(source, frames: frames, size: cascade.size, into: sink)
            let rungs = try cascade.finish()
            progress.addPass(cascade.framesEncoded)
            return (end, rungs)
        } catch {
            cascade.cancel()
            throw error
        }
    }
}
