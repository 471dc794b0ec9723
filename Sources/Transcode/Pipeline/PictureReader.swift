// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import Glibc
import HLS

/// Reads a part of a file's pictures: seeks, decodes, normalises, and gives the pictures of an exact range of the
/// output's frames, the same that a reader from the file's beginning gives for them.
///
/// One attempt of reading; belongs to one thread. `PictureReader.read` makes as many attempts as are needed.
final class PictureReader {
    /// How far before the first wanted frame each attempt seeks, in seconds; the last reads from the beginning.
    private static let backSeconds: [Double?] = [0, 12, 60, nil]
    /// The picture may end this long before the sound without being held on, in seconds.
    private static let soundOverhangSeconds = 0.5
    /// Sound that claims to lie further than this behind the declared end does not count, in seconds.
    private static let overrunSecondsMax = 60.0
    /// When all pictures are there, packets of other streams are still read for so much of the video's time.
    private static let othersSecondsMax = 10.0

    /// What is done with what is read.
    struct Sink {
        /// Takes output frame n.
        var picture: (Frame, Int) throws(MediaError) -> Void
        /// Takes a packet of another selected stream.
        var packet: (Packet) throws(MediaError) -> Void = { (_) throws(MediaError) in }
        /// The frames that were decoded from packets of other streams: a sign that the file holds something.
        var framesDecoded: () -> Int = { 0 }
        /// Packets of other streams are still needed when all pictures are there.
        var wantsPackets: () -> Bool = { false }
    }

    private enum Outcome {
        /// All wanted frames, and whether the file's end was reached.
        case done
        /// The first picture that could be decoded lies behind the first wanted one.
        case startedTooLate
    }

    private let source: MediaSource
    private let frames: Range<Int>
    private let decoder: Decoder
    private let normalizer: VideoNormalizer
    private var sink: Sink
    private var clock: FrameClock
    /// From the file's beginning: whatever comes first is the first picture.
    private let isFromBeginning: Bool

    private var isTooLate = false
    private var hasFirst = false
    private var sawInterlaced = false
    /// Pictures that are shown before the key frame of the seek may lack what they refer to.
    private var firstCleanTimestamp: Int64?
    /// The end of the last decoded picture and of the sound, in seconds of the output.
    private var videoEndSeconds = 0.0
    private var soundEndSeconds = 0.0
    private var lastFrameSeconds = 0.0

    /// Reads output frames `frames` of `source`, which has been opened for this and is used up, as pictures of
    /// `size`. Gives the first frame that is not there: the end of the range or of the video.
    static func read(
        _ source: MediaSource, frames: Range<Int>, size: PictureSize, into sink: Sink
    ) throws(MediaError) -> Int {
        guard frames.lowerBound > 0 else {
            let reader = try PictureReader(source, frames: frames, size: size, sink: sink, isFromBeginning: true)
            _ = try reader.run()
            return reader.clock.nextFrame
        }
        for back in backSeconds {
            let start = source.cuts.frameRate.seconds(frames: frames.lowerBound) - (back ?? .infinity)
            let attempt = start > 0 ? source : try MediaSource(descriptor: source.descriptor)
            attempt.demuxer.select(streams: source.demuxer.selectedStreams)
            let reader = try PictureReader(attempt, frames: frames, size: size, sink: sink, isFromBeginning: start <= 0)
            if start > 0 { guard reader.seek(back: back ?? 0) else { continue } }
            if try reader.run() == .done { return reader.clock.nextFrame }
        }
        throw MediaError.failed("no picture could be decoded for frame \(frames.lowerBound)")
    }

    /// The same by the first attempt alone, from the key frame that the index names: nil if that did not do, and then nothing
    /// was given.
    static func readFromKeyFrame(
        _ source: MediaSource, frames: Range<Int>, size: PictureSize, into sink: Sink
    ) throws(MediaError) -> Int? {
        let reader = try PictureReader(source, frames: frames, size: size, sink: sink, isFromBeginning: false)
        guard reader.seek(back: 0), try reader.run() == .done else { return nil }
        return reader.clock.nextFrame
    }

    private init(
        _ source: MediaSource, frames: Range<Int>, size: PictureSize, sink: Sink, isFromBeginning: Bool
    ) throws(MediaError) {
        self.source = source
        self.frames = frames
        self.sink = sink
        self.isFromBeginning = isFromBeginning
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        decoder = try Decoder(stream: source.stream, threads: min(cores, 4))
        normalizer = VideoNormalizer(
            size: size, rotation: Rotation(stream: source.stream), timeBase: source.timeBase,
            isOfFields: source.rate.isOfFields)
        clock = FrameClock(frameRate: source.cuts.frameRate, frames: frames)
    }

    /// Goes to the key frame at or before the first wanted frame, or `back` seconds before it; false if it can not.
    private func seek(back: Double) -> Bool {
        source.demuxer.seek(
            stream: source.video.index, timestamp: source.seekTimestamp(frame: frames.lowerBound, back: back))
    }

    private var interlacedLeadFrames: Int {
        MediaSource.interlacedLeadPictures * source.rate.framesPerPicture
    }

    private func run() throws(MediaError) -> Outcome {
        let packet = try Packet()
        var idlePackets = Allowance.idlePackets
        while try source.demuxer.read(into: packet) {
            try idlePackets.use(progress: decoder.framesDecoded + sink.framesDecoded())
            if packet.streamIndex == source.video.index {
                try takeVideo(packet)
            } else {
                noteSound(packet)
                try sink.packet(packet)
            }
            if isTooLate { return .startedTooLate }
            if clock.isDone, !sink.wantsPackets() || isPastOthers(packet) { return .done }
        }
        try decoder.decode(nil) { (frame) throws(MediaError) in try take(frame) }
        try normalizer.push(nil) { (frame, seconds) throws(MediaError) in try show(frame, seconds) }
        // Nothing of what lies from here to the end can be decoded: what is shown then began before it.
        if isTooLate || !hasShown && !isFromBeginning { return .startedTooLate }
        try checkComplete()
        var end = videoEndSeconds
        if soundEndSeconds > end + Self.soundOverhangSeconds { end = soundEndSeconds }
        try clock.finish(endSeconds: end, emit: sink.picture)
        return .done
    }

    private func takeVideo(_ packet: Packet) throws(MediaError) {
        guard !clock.isDone else { return }
        if !hasFirst, !isFromBeginning {
            // Nothing can be decoded before a key frame.
            guard packet.isKey else { return }
            firstCleanTimestamp = packet.pointer.pointee.pts
            guard firstCleanTimestamp != spw_av_no_timestamp() else {
                isTooLate = true
                return
            }
        }
        hasFirst = true
        try decoder.decode(packet) { (frame) throws(MediaError) in try take(frame) }
    }

    /// Takes one decoded picture.
    private func take(_ frame: Frame) throws(MediaError) {
        guard !clock.isDone, !isTooLate else { return }
        let timeBase = source.timeBase
        if let first = firstCleanTimestamp {
            guard let timestamp = frame.timestamp else {
                // Its time would be told from the pictures before, which were not read.
                isTooLate = true
                return
            }
            if timestamp < first { return }
        }
        if frame.pointer.pointee.interlaced_frame != 0 { sawInterlaced = true }
        let own = frame.timestamp.map { Double($0) * av_q2d(timeBase) - source.startSeconds }
        let onePicture = source.cuts.frameRate.seconds(frames: source.rate.framesPerPicture)
        let seconds = own ?? lastFrameSeconds + onePicture
        try checkTime(seconds)
        // Filters count with these times, some with their double.
        guard (frame.timestamp ?? 0).magnitude < 1 << 60 else { throw Self.wildTimes }
        lastFrameSeconds = seconds
        let stated = Double(frame.pointer.pointee.pkt_duration) * av_q2d(timeBase)
        videoEndSeconds = max(videoEndSeconds, seconds + (stated > 0 && stated <= 10 ? stated : onePicture))
        if frame.timestamp == nil {
            frame.pointer.pointee.best_effort_timestamp = source.timestamp(seconds: seconds + source.startSeconds)
        }
        try normalizer.push(frame) { (frame, seconds) throws(MediaError) in try show(frame, seconds) }
    }

    private static let wildTimes = MediaError.unusable(
        "The file is damaged: its times go far beyond what it holds.")

    private func checkTime(_ seconds: Double) throws(MediaError) {
        guard seconds <= SourceInfo.durationSecondsMax else {
            throw MediaError.unusable("The video is longer than 24 hours, the most that is accepted.")
        }
        guard seconds <= Allowance.seconds(bytes: source.demuxer.size) else { throw Self.wildTimes }
    }

    private var hasShown = false

    /// Takes one picture of the output's form; `seconds` is on the source's time line.
    private func show(_ frame: Frame, _ seconds: Double) throws(MediaError) {
        let seconds = seconds - source.startSeconds
        try checkTime(seconds)
        if !hasShown, !isFromBeginning {
            // A deinterlaced picture is made from the field before it too.
            let lead = sawInterlaced ? interlacedLeadFrames : 0
            if clock.number(seconds: seconds) > frames.lowerBound - lead {
                isTooLate = true
                return
            }
        }
        hasShown = true
        guard !isTooLate else { return }
        try clock.push(frame, seconds: seconds, emit: sink.picture)
    }

    private func noteSound(_ packet: Packet) {
        let stream = source.demuxer.streams[packet.streamIndex]
        let sound = packet.pointer.pointee
        guard stream.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_AUDIO, sound.pts != spw_av_no_timestamp()
        else { return }
        let end = Double(sound.pts + max(0, sound.duration)) * av_q2d(stream.pointee.time_base) - source.startSeconds
        if end < source.soundSecondsMax + Self.overrunSecondsMax { soundEndSeconds = max(soundEndSeconds, end) }
    }

    /// The file goes on long behind the wanted pictures.
    private func isPastOthers(_ packet: Packet) -> Bool {
        guard packet.streamIndex == source.video.index, packet.pointer.pointee.dts != spw_av_no_timestamp() else {
            return false
        }
        let seconds = Double(packet.pointer.pointee.dts) * av_q2d(source.timeBase) - source.startSeconds
        return seconds > source.cuts.frameRate.seconds(frames: frames.upperBound) + Self.othersSecondsMax
    }

    /// Compares what was decoded with what the file declares; called at the file's end.
    private func checkComplete() throws(MediaError) {
        guard decoder.framesDecoded > 0 || !isFromBeginning else {
            throw MediaError.unusable("The file is damaged: not one picture of its video could be decoded.")
        }
        guard decoder.damagedPackets <= decoder.framesDecoded else {
            throw MediaError.unusable("The file is damaged: most pictures of its video could not be decoded.")
        }
        let found = videoEndSeconds + source.startSeconds - source.videoStartSeconds
        let missing = source.info.declaredSeconds - found
        if missing > max(2, source.info.declaredSeconds * 0.05) {
            throw MediaSource.endsEarly(declared: source.info.declaredSeconds, found: found)
        }
    }
}
