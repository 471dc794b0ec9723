// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// The sound's work: decode, resample to one form on the picture's time line, encode, cut, store.
///
/// Runs on the thread that reads the file: AAC costs little beside the pictures.
final class AudioPipeline {
    /// Sound that claims to lie further than this behind the declared end is not taken, in seconds.
    private static let overrunSecondsMax = 60.0

    private let decoder: Decoder
    private let encoder: Encoder
    private let muxer: FragmentMuxer
    private let writer: SegmentWriter
    private let plan: SegmentPlan
    private let header: RenditionOutput
    /// Decibels that are added to every sample.
    private let gain: Double
    /// The loudness is known of parts of the track only: what is louder there than everywhere else is limited.
    private let isLimited: Bool
    private let timeBase: AVRational
    /// The instant of the source that is 0 of the output, in seconds.
    private let startSeconds: Double
    private let endSecondsMax: Double

    private var graph: FilterGraph?
    private var graphInput = ""
    private var changes = Allowance.changes
    private var framesIn = 0
    private var packetsOut = 0

    /// `name` is that of the rendition, `folder` (which must exist) where it goes. `loudness` is what was measured of
    /// the track; nil leaves it as it is.
    init(
        stream: UnsafeMutablePointer<AVStream>, info: SourceInfo.AudioStream, loudness: Loudness?, name: String,
        startSeconds: Double, declaredSeconds: Double, plan: SegmentPlan, folder: String,
        announce: @escaping @Sendable (ChildMessage) -> Void
    ) throws(MediaError) {
        decoder = try Decoder(stream: stream, threads: 1)
        encoder = try Encoder(audioBitsPerSecond: AudioFormat.bitsPerSecond)
        muxer = try FragmentMuxer(encoder: encoder, loudness: loudness.map(LoudnessRule.result))
        gain = loudness.map(LoudnessRule.gain) ?? 0
        isLimited = loudness?.isWhole == false && gain > 0
        self.plan = plan
        self.startSeconds = startSeconds
        timeBase = stream.pointee.time_base
        let declared = declaredSeconds > 0 ? declaredSeconds : SourceInfo.durationSecondsMax
        endSecondsMax = declared + Self.overrunSecondsMax
        writer = try SegmentWriter(
            muxer: muxer, folder: folder,
            unitSeconds: Double(AudioFormat.frameSamples) / Double(AudioFormat.samplesPerSecond),
            segmentStart: { plan.audioStart(segment: $0) },
            announce: { announce(.segment(rendition: name, $0)) })
        guard let codecs = aacCodecs(audioSpecificConfiguration: muxer.codecConfiguration) else {
            throw MediaError.failed("no AudioSpecificConfig from the AAC encoder")
        }
        header = RenditionOutput(
            kind: .audio, name: name, codecs: codecs, language: info.language, title: info.title, segments: [],
            bitsPerSecondBound: AudioFormat.bitsPerSecondBound,
            initializationDigest: RenditionOutput.digest(writer.initialization))
        announce(.rendition(header))
    }

    /// The length of the sound so far in seconds.
    var seconds: Double {
        Double(framesIn * AudioFormat.frameSamples) / Double(AudioFormat.samplesPerSecond)
    }

    /// Frames of sound that were decoded so far.
    var framesDecoded: Int { decoder.framesDecoded }

    /// Takes one packet of the source. `videoFrames` is how long the picture is known to go on.
    func push(_ packet: Packet, videoFrames: Int) throws(MediaError) {
        try decoder.decode(packet) { (frame) throws(MediaError) in try take(frame) }
        try confirm(videoFrames: videoFrames)
    }

    /// The source has no more packets.
    func drain() throws(MediaError) {
        try decoder.decode(nil) { (frame) throws(MediaError) in try take(frame) }
        try endGraph()
    }

    /// Fills up with silence or trims to the picture's whole length, and ends.
    func finish(videoFrames: Int) throws(MediaError) -> RenditionOutput {
        let frames = max(1, plan.audioFrames(videoFrames: videoFrames))
        while framesIn < frames { try encode(try silence()) }
        try encoder.encode(nil) { (packet) throws(MediaError) in store(packet) }
        try writer.finish(units: frames, cuts: plan.cuts(frames: videoFrames))
        var output = header
        output.segments = writer.segments
        return output
    }

    private func confirm(videoFrames: Int) throws(MediaError) {
        try writer.confirm(units: plan.audioFrames(videoFrames: videoFrames), cuts: plan.cuts(frames: videoFrames))
    }

    private func take(_ frame: Frame) throws(MediaError) {
        let sound = frame.pointer
        guard let input = AudioForm.filterInput(frame) else { return }
        if let timestamp = frame.timestamp {
            let seconds = Double(timestamp) * av_q2d(timeBase) - startSeconds
            guard seconds < endSecondsMax else { return }
            sound.pointee.pts = Int64((seconds * Double(sound.pointee.sample_rate)).rounded())
        } else {
            sound.pointee.pts = spw_av_no_timestamp()
        }
        try useGraph(input: input)
        try graph?.push(frame)
        try pull()
    }

    /// Makes the filter chain for a form of sound; a new one when the form changes in the middle.
    private func useGraph(input: String) throws(MediaError) {
        guard input != graphInput else { return }
        let isFirst = graph == nil
        try changes.use()
        try endGraph()
        let made = try FilterGraph(
            .audio, input: input, chain: AudioForm.stereo(async: true, fromZero: isFirst) + gainFilters)
        made.setFrameSize(AudioFormat.frameSamples)
        graph = made
        graphInput = input
    }

    private var gainFilters: String {
        guard gain != 0 else { return "" }
        let volume = ",volume=\(gain)dB:precision=float"
        // At -1 dBFS, without the filter's own gain and without its delay.
        return isLimited ? volume + ",alimiter=limit=0.89:level=0:latency=1,aformat=sample_fmts=fltp" : volume
    }

    private func endGraph() throws(MediaError) {
        guard let graph else { return }
        try graph.push(nil)
        try pull()
        self.graph = nil
        graphInput = ""
    }

    private func pull() throws(MediaError) {
        while let frame = try graph?.pull() {
            try encode(frame.samples == AudioFormat.frameSamples ? frame : try padded(frame))
        }
    }

    private func encode(_ frame: Frame) throws(MediaError) {
        frame.pointer.pointee.pts = Int64(framesIn * AudioFormat.frameSamples)
        framesIn += 1
        try encoder.encode(frame) { (packet) throws(MediaError) in store(packet) }
    }

    /// The encoder's first packet holds nothing but the silence before the sound (its delay of one frame). It
    /// is left out: sound and picture both begin at 0 then without an edit list, and what is lost is the
    /// overlap into the first 21 ms.
    private func store(_ packet: Packet) {
        let unit = Int(packet.pointer.pointee.pts) / AudioFormat.frameSamples
        guard packet.pointer.pointee.pts >= 0, unit == packetsOut else { return }
        packetsOut += 1
        packet.pointer.pointee.duration = Int64(AudioFormat.frameSamples)
        packet.pointer.pointee.flags |= AV_PKT_FLAG_KEY
        // The muxer would note the encoder's trimming; every packet here is whole.
        av_packet_free_side_data(packet.pointer)
        writer.append(packet, unit: unit)
    }

    private func silence() throws(MediaError) -> Frame {
        let frame = try Frame()
        frame.pointer.pointee.nb_samples = Int32(AudioFormat.frameSamples)
        frame.pointer.pointee.format = AV_SAMPLE_FMT_FLTP.rawValue
        frame.pointer.pointee.sample_rate = Int32(AudioFormat.samplesPerSecond)
        av_channel_layout_default(&frame.pointer.pointee.ch_layout, Int32(AudioFormat.channels))
        try check(av_frame_get_buffer(frame.pointer, 0), "make silence")
        av_samples_set_silence(
            frame.pointer.pointee.extended_data, 0, Int32(AudioFormat.frameSamples), Int32(AudioFormat.channels),
            AV_SAMPLE_FMT_FLTP)
        return frame
    }

    /// The last, short frame with silence behind it.
    private func padded(_ short: Frame) throws(MediaError) -> Frame {
        let whole = try silence()
        av_samples_copy(
            whole.pointer.pointee.extended_data, short.pointer.pointee.extended_data, 0, 0,
            Int32(min(short.samples, AudioFormat.frameSamples)), Int32(AudioFormat.channels), AV_SAMPLE_FMT_FLTP)
        return whole
    }
}
