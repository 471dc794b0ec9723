// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Turns one file, or a part of it, into a folder of HLS. Each pass over the file decodes once and feeds all rungs.
///
/// Belongs to one thread; the rungs have their own. Segments are announced as they are whole, from any thread.
final class Transcoder {
    private let descriptor: Int32
    private let folder: String
    private let preset: String
    private let announce: @Sendable (ChildMessage) -> Void

    /// Works on the file behind `descriptor`. `folder` must exist.
    init(
        descriptor: Int32, folder: String, preset: String, announce: @escaping @Sendable (ChildMessage) -> Void
    ) {
        self.descriptor = descriptor
        self.folder = folder
        self.preset = preset
        self.announce = announce
    }

    /// Does one part; gives the last message. What is in the folder is complete only when this returns.
    func run(_ part: MediaPart) throws(MediaError) -> ChildMessage {
        switch part {
        case .whole: .result(try whole())
        case .plan: .plan(try plan())
        case .video(let segments, let rungs): .result(try video(segments: segments, rungs: rungs))
        case .sound(let videoFrames, let segmentsMax):
            .result(try sound(videoFrames: videoFrames, segmentsMax: segmentsMax))
        case .pictures: .result(try pictures())
        }
    }

    /// Everything: the head of the lowest rung first, then all the rest; playlists that grow.
    func whole() throws(MediaError) -> MediaResult {
        let (demuxer, info) = try open()
        if info.isSoundOnly {
            var result = try soundOnly(demuxer, info)
            result.pictures = [try SoundOnlyPoster.write(demuxer, info, folder: folder)]
            try PlaylistAssembly.write(result.renditions, folder: folder)
            announce(.progress(100))
            return result
        }
        let source = try MediaSource(demuxer, info)
        let playlists = GrowingPlaylists(
            folder: folder, rungs: source.ladder.map(\.name), hasSound: source.info.audio != nil)
        let announce = announce
        let work = try WholeVideo(source, folder: folder, preset: preset) { message in
            playlists.take(message)
            announce(message)
        }
        let result = try work.run()
        try playlists.finish(result.renditions)
        announce(.progress(100))
        return result
    }

    private func open() throws(MediaError) -> (Demuxer, SourceInfo) {
        let demuxer = try Demuxer(descriptor: descriptor)
        return (demuxer, SourceInfo(demuxer))
    }

    private func plan() throws(MediaError) -> MediaPlan {
        let (demuxer, info) = try open()
        if info.isSoundOnly { return MediaPlan(soundOnly: info.durationSeconds) }
        return MediaPlan(try MediaSource(demuxer, info))
    }

    private func soundOnly(_ demuxer: Demuxer, _ info: SourceInfo) throws(MediaError) -> MediaResult {
        try SoundOnlyTranscoder(demuxer, info, folder: folder, announce: announce).run()
    }

    /// The pictures of `segments` in the rungs of these names; all of a file that has none.
    private func video(segments: Range<Int>, rungs names: [String]?) throws(MediaError) -> MediaResult {
        let (demuxer, info) = try open()
        if info.isSoundOnly { return try soundOnly(demuxer, info) }
        let source = try MediaSource(demuxer, info)
        let isLast = segments.upperBound == Int.max
        // The last chunk must know where the sound ends.
        source.demuxer.select(streams: Set([source.video.index] + (isLast ? source.soundStreams : [])))
        let frames = source.cuts.frames(segments: segments)
        let rungs = try source.rungs(names)
        let cascade = try RungCascade(
            source, shares: rungs.map { RungCascade.Share(rung: $0, segments: segments) }, folder: folder,
            preset: preset, announce: announce)
        let end = isLast ? max(frames.lowerBound, source.framesExpected) : frames.upperBound
        var progress = PartProgress(rungs.map { ($0, end - frames.lowerBound) })
        let announce = announce
        do throws(MediaError) {
            try cascade.start()
            let sink = PictureReader.Sink { (frame, number) throws(MediaError) in
                try cascade.push(frame, number: number)
                progress.tell(cascade, announce)
            }
            let end = try PictureReader.read(source, frames: frames, size: cascade.size, into: sink)
            guard isLast || end == frames.upperBound else {
                throw MediaSource.endsEarly(
                    declared: source.info.declaredSeconds, found: source.cuts.frameRate.seconds(frames: end))
            }
            let result = result(
                source, try cascade.finish(), seconds: source.cuts.frameRate.seconds(frames: end - frames.lowerBound),
                frames: frames.lowerBound..<end)
            try PartCheck(source.cuts).check(result, segments: segments)
            return result
        } catch {
            cascade.cancel()
            throw error
        }
    }

    /// All sound; of a video whose length is not known the first `segmentsMax` segments.
    private func sound(videoFrames: Int?, segmentsMax: Int?) throws(MediaError) -> MediaResult {
        let source = try MediaSource(descriptor: descriptor)
        let tracks = try SoundTracks(source, folder: folder, announce: announce)
        guard let frames = videoFrames ?? segmentsMax.map({ source.cuts.videoStart(segment: $0) }) else {
            throw MediaError.failed("sound of a video of unknown length")
        }
        let seconds = source.cuts.frameRate.seconds(frames: frames)
        source.demuxer.select(streams: tracks.streams)
        let packet = try Packet()
        var count = 0
        let isWhole = videoFrames != nil
        // Two units more than wanted: the encoder gives the last of them when it has seen the next. Subtitles may come
        // behind all sound.
        while !tracks.streams.isEmpty, tracks.seconds < seconds + 0.1 || isWhole && tracks.hasSubtitles,
            try source.demuxer.read(into: packet)
        {
            try tracks.push(packet, videoFrames: frames)
            count += 1
            if count % 64 == 0 { announce(.progress(min(99, tracks.seconds / max(seconds, 0.1) * 100))) }
        }
        try tracks.drain()
        let renditions = try tracks.finish(videoFrames: frames, isWhole: isWhole)
        return result(source, renditions, seconds: seconds, frames: 0..<0)
    }

    /// Poster, sprites and preview; and the subtitles of a video without sound, which has no part for it.
    private func pictures() throws(MediaError) -> MediaResult {
        let (demuxer, info) = try open()
        if info.isSoundOnly {
            let poster = try SoundOnlyPoster.write(demuxer, info, folder: folder)
            return MediaResult(durationSeconds: 0, width: 0, height: 0, renditions: [], pictures: [poster])
        }
        let source = try MediaSource(demuxer, info)
        let needsSubtitles = source.soundStreams.isEmpty && info.subtitles.contains(where: \.isText)
        let tracks = needsSubtitles ? try SoundTracks(source, folder: folder, announce: announce) : nil
        let pictures = PictureSet(source, folder: folder)
        source.demuxer.select(streams: Set([source.video.index]).union(tracks?.streams ?? []))
        let sink = PictureReader.Sink(
            picture: { (frame, number) throws(MediaError) in try pictures.consider(frame, number: number) },
            packet: { (packet) throws(MediaError) in try tracks?.push(packet, videoFrames: 0) })
        let end =
            needsSubtitles
            ? try PictureReader.read(source, frames: 0..<Int.max, size: source.topSize, into: sink)
            : try readStretches(source, wanted: pictures.wanted(frames: source.framesExpected), into: sink)
        let renditions = try tracks?.finish(videoFrames: end, isWhole: true) ?? []
        let names = try pictures.finish(frames: end)
        return result(source, renditions, seconds: 0, frames: 0..<0, pictures: names)
    }

    /// Gives the wanted pictures, and what lies near them; the end of the video.
    private func readStretches(
        _ source: MediaSource, wanted: [Range<Int>], into sink: PictureReader.Sink
    ) throws(MediaError) -> Int {
        var end = 0
        for frames in try MediaSource(descriptor: descriptor).stretches(wanted: wanted) {
            if frames.lowerBound > 0 {
                let next = try PictureReader.readFromKeyFrame(
                    source, frames: frames, size: source.topSize, into: sink)
                if let next {
                    end = next
                    continue
                }
                // The index does not tell the truth. Once is enough to find that out.
                return try PictureReader.read(
                    source, frames: frames.lowerBound..<Int.max, size: source.topSize, into: sink)
            }
            end = try PictureReader.read(source, frames: frames, size: source.topSize, into: sink)
        }
        return end
    }

    private func result(
        _ source: MediaSource, _ renditions: [RenditionOutput], seconds: Double, frames: Range<Int>,
        pictures: [String] = []
    ) -> MediaResult {
        MediaResult(
            durationSeconds: seconds, width: source.video.width, height: source.video.height, renditions: renditions,
            pictures: pictures, firstFrame: frames.lowerBound, endFrame: frames.upperBound)
    }
}
