// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import Glibc
import HLS

/// Turns one file into a folder of HLS: reads and decodes once, feeds every rung, writes the playlists.
final class Transcoder {
    /// The picture may end this long before the sound without being held on, in seconds.
    private static let soundOverhangSeconds = 0.5
    /// A sound that starts earlier than the picture by less than this is trimmed to it, in seconds.
    private static let soundLeadSeconds = 0.1

    private let demuxer: Demuxer
    private let info: SourceInfo
    private let video: SourceInfo.VideoStream
    private let folder: String
    private let plan: SegmentPlan
    private let timeBase: AVRational
    private let startSeconds: Double
    private let videoStartSeconds: Double
    private let decoder: Decoder
    private let normalizer: VideoNormalizer
    private let rungs: [RungPipeline]
    private let sideTracks: SideTracks
    private let report: (Double) -> Void

    private var clock: FrameClock
    private let pictures: PictureSet
    /// The end of the last decoded picture, in seconds of the output.
    private var videoEndSeconds = 0.0
    private var lastFrameSeconds = 0.0

    /// `folder` must exist. `report` is told the progress in per cent.
    init(
        demuxer: Demuxer, info: SourceInfo, folder: String, preset: String, report: @escaping (Double) -> Void
    ) throws(MediaError) {
        let video = try info.checkUsable()
        self.demuxer = demuxer
        self.info = info
        self.video = video
        guard demuxer.bytesMissing() == 0 else { throw Self.endsEarly(declared: info.declaredSeconds, found: nil) }
        self.folder = folder
        self.report = report
        let stream = demuxer.streams[video.index]
        let parameters = stream.pointee.codecpar.pointee
        let frameRate = FrameRate.output(average: stream.pointee.avg_frame_rate, declared: stream.pointee.r_frame_rate)
        let plan = SegmentPlan(frameRate: frameRate)
        self.plan = plan
        timeBase = stream.pointee.time_base
        let videoStart = Self.start(stream) ?? 0
        videoStartSeconds = videoStart
        let audioStream = info.audio.map { demuxer.streams[$0.index] }
        let audioStart = audioStream.flatMap(Self.start) ?? videoStart
        let soundLeads = audioStart < videoStart - Self.soundLeadSeconds
        startSeconds = soundLeads ? audioStart : videoStart

        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        decoder = try Decoder(stream: stream, threads: min(cores, 4))
        let ladder = Ladder.rungs(source: PictureSize(width: video.width, height: video.height))
        // The ladder is never empty.
        let top = ladder[ladder.count - 1]
        normalizer = VideoNormalizer(size: top.size, rotation: Rotation(stream: stream), timeBase: timeBase)
        clock = FrameClock(frameRate: frameRate)
        pictures = PictureSet(
            size: top.size, frameRate: frameRate, declaredSeconds: info.declaredSeconds, folder: folder)
        let color = ColorDescription(source: parameters)
        rungs = ladder.map { rung in
            RungPipeline(
                rung: rung, sourceSize: top.size, plan: plan,
                settings: VideoSettings(
                    size: rung.size, frameRate: frameRate, gopFrames: plan.gopFrames,
                    bitsPerSecondMax: rung.videoBitsPerSecondMax, preset: preset,
                    threads: Self.encoderThreads(cores: cores, rungs: ladder.count, isTop: rung == top), color: color),
                folder: "\(folder)/\(rung.name)")
        }
        sideTracks = try SideTracks(
            demuxer: demuxer, info: info, startSeconds: startSeconds, plan: plan, folder: folder)
        demuxer.select(streams: Set([video.index] + sideTracks.streams))
    }

    /// Does all the work; what is in the folder is complete only when this returns.
    func run() throws(MediaError) -> MediaResult {
        do throws(MediaError) {
            for rung in rungs {
                try makeFolder("\(folder)/\(rung.rung.name)")
                try rung.start()
            }
            try readAll()
            return try finish()
        } catch {
            for rung in rungs { rung.cancel() }
            throw error
        }
    }

    private func readAll() throws(MediaError) {
        let packet = try Packet()
        while try demuxer.read(into: packet) {
            if packet.streamIndex == video.index {
                try decoder.decode(packet) { (frame) throws(MediaError) in try take(frame) }
            } else {
                try sideTracks.push(packet, videoFrames: clock.framesEmitted)
            }
        }
        try decoder.decode(nil) { (frame) throws(MediaError) in try take(frame) }
        try normalizer.push(nil) { (frame, seconds) throws(MediaError) in try show(frame, seconds) }
        try sideTracks.drain()
        try checkComplete()
    }

    /// Takes one decoded picture.
    private func take(_ frame: Frame) throws(MediaError) {
        let own = frame.timestamp.map { Double($0) * av_q2d(timeBase) - startSeconds }
        let seconds = own ?? lastFrameSeconds + plan.frameRate.seconds(frames: 1)
        guard seconds <= SourceInfo.durationSecondsMax else {
            throw MediaError.unusable("The video is longer than 24 hours, the most that is accepted.")
        }
        lastFrameSeconds = seconds
        let stated = Double(frame.pointer.pointee.pkt_duration) * av_q2d(timeBase)
        let duration = stated > 0 && stated <= 10 ? stated : plan.frameRate.seconds(frames: 1)
        videoEndSeconds = max(videoEndSeconds, seconds + duration)
        if frame.timestamp == nil {
            frame.pointer.pointee.best_effort_timestamp = Int64((seconds + startSeconds) / av_q2d(timeBase))
        }
        try normalizer.push(frame) { (frame, seconds) throws(MediaError) in try show(frame, seconds) }
    }

    /// Takes one picture of the output's form; `seconds` is on the source's time line.
    private func show(_ frame: Frame, _ seconds: Double) throws(MediaError) {
        try clock.push(frame, seconds: seconds - startSeconds) { (frame, number) throws(MediaError) in
            try emit(frame, number)
        }
    }

    private func emit(_ frame: Frame, _ number: Int) throws(MediaError) {
        try pictures.consider(frame, number: number)
        for rung in rungs where !rung.push(frame, number: number) {
            // The rung has failed; its own error is the reason.
            _ = try rung.finish()
            throw MediaError.failed("the rung \(rung.rung.name) ended early")
        }
        let expected = max(1, info.declaredSeconds * plan.frameRate.value)
        let slowest = rungs.map(\.framesEncoded).min() ?? 0
        report(min(99, Double(slowest) / expected * 100))
    }

    private func finish() throws(MediaError) -> MediaResult {
        var end = videoEndSeconds
        if sideTracks.soundSeconds > end + Self.soundOverhangSeconds { end = sideTracks.soundSeconds }
        try clock.finish(endSeconds: end) { (frame, number) throws(MediaError) in try emit(frame, number) }
        let frames = clock.framesEmitted
        var renditions: [RenditionOutput] = []
        for rung in rungs { renditions.append(try rung.finish()) }
        renditions += try sideTracks.finish(videoFrames: frames)
        let pictureNames = try pictures.finish(frames: frames)
        try PlaylistAssembly.write(renditions, folder: folder)
        report(100)
        return MediaResult(
            durationSeconds: plan.frameRate.seconds(frames: frames), width: video.width, height: video.height,
            renditions: renditions, pictures: pictureNames)
    }

    /// Compares what was decoded with what the file declares.
    private func checkComplete() throws(MediaError) {
        guard decoder.framesDecoded > 0 else {
            throw MediaError.unusable("The file is damaged: not one picture of its video could be decoded.")
        }
        guard decoder.damagedPackets <= decoder.framesDecoded else {
            throw MediaError.unusable("The file is damaged: most pictures of its video could not be decoded.")
        }
        let found = videoEndSeconds + startSeconds - videoStartSeconds
        let missing = info.declaredSeconds - found
        if missing > max(2, info.declaredSeconds * 0.05) {
            throw Self.endsEarly(declared: info.declaredSeconds, found: found)
        }
    }

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

    /// One thread each while there are more rungs than cores; the spare cores go to the largest rung.
    private static func encoderThreads(cores: Int, rungs: Int, isTop: Bool) -> Int {
        isTop ? min(16, max(1, cores - rungs + 1)) : 1
    }
}
