// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Encodes one rung's pictures of a part and stores the segments. Belongs to the rung's thread.
///
/// Encoder and muxer count from 0 in every part, so that a part's bytes do not depend on the parts before it.
final class RungEncoder {
    private let task: RungPipeline.Task
    private let encoder: Encoder
    private let muxer: FragmentMuxer
    private let writer: SegmentWriter
    private let header: RenditionOutput
    /// Frames that came out of the encoder.
    private(set) var framesEncoded = 0
    private var framesTaken = 0
    /// The last presentation time that came out, in frames of the part.
    private var lastTime: Int64 = -1

    init(_ task: RungPipeline.Task, announce: @escaping @Sendable (ChildMessage) -> Void) throws(MediaError) {
        self.task = task
        encoder = try Encoder(video: task.settings)
        muxer = try FragmentMuxer(
            encoder: encoder, firstUnit: task.frames.lowerBound,
            firstFragment: task.frames.lowerBound / task.cuts.gopFrames)
        let cuts = task.cuts
        let name = task.rung.name
        writer = try SegmentWriter(
            muxer: muxer, folder: task.folder, unitSeconds: cuts.frameRate.seconds(frames: 1),
            segmentStart: { cuts.videoStart(segment: $0) }, firstSegment: task.segments.lowerBound,
            announce: { announce(.segment(rendition: name, $0)) })
        guard let avcC = mp4AVCConfiguration(writer.initialization),
            let codecs = avcCodecs(decoderConfiguration: avcC)
        else { throw MediaError.failed("no decoder configuration in the initialization segment") }
        header = RenditionOutput(
            name: name, codecs: codecs, width: task.rung.size.width, height: task.rung.size.height,
            framesPerSecond: cuts.frameRate.value, segments: [],
            bitsPerSecondBound: task.rung.videoBitsPerSecondMax,
            initializationDigest: RenditionOutput.digest(writer.initialization))
        announce(.rendition(header))
    }

    /// Takes picture `number` of the output, which must be the next. A key frame of the grid becomes one whatever
    /// `type` says; NONE leaves the choice to the encoder.
    func encode(_ picture: Frame, number: Int, type: AVPictureType) throws(MediaError) {
        // The frame's data is shared with other threads; its fields are this one's.
        let frame = try picture.reference()
        frame.pointer.pointee.pts = Int64(number - task.frames.lowerBound)
        // A decoded frame's type would be taken by x264 as an order.
        let isGridFrame = number % task.cuts.gopFrames == 0
        frame.pointer.pointee.pict_type = isGridFrame ? AV_PICTURE_TYPE_I : type
        frame.pointer.pointee.key_frame = isGridFrame ? 1 : 0
        framesTaken += 1
        try encoder.encode(frame) { (packet) throws(MediaError) in try store(packet) }
    }

    /// Ends the part and checks what was made.
    func finish() throws(MediaError) -> RenditionOutput {
        try encoder.encode(nil) { (packet) throws(MediaError) in try store(packet) }
        let end = task.frames.lowerBound + framesEncoded
        try writer.finish(units: end, cuts: cutsMade(end))
        guard framesEncoded == framesTaken else {
            throw MediaError.failed("\(task.rung.name): \(framesTaken) frames went in, \(framesEncoded) came out")
        }
        guard lastTime == Int64(framesTaken) - 1 else {
            throw MediaError.failed("\(task.rung.name): the last of \(framesTaken) frames has the time \(lastTime)")
        }
        var output = header
        output.segments = writer.segments
        return output
    }

    private func store(_ packet: Packet) throws(MediaError) {
        if framesEncoded == 0, packet.pointer.pointee.pts != 0 {
            throw MediaError.failed("\(task.rung.name): the first frame has the time \(packet.pointer.pointee.pts)")
        }
        if case .decides(let types) = task.types {
            let number = task.frames.lowerBound + Int(packet.pointer.pointee.pts)
            types.decide(packet.pictureType ?? AV_PICTURE_TYPE_P, number: number)
        }
        lastTime = max(lastTime, packet.pointer.pointee.pts)
        packet.pointer.pointee.duration = 1
        let unit = task.frames.lowerBound + framesEncoded
        writer.append(packet, unit: unit)
        framesEncoded += 1
        try writer.confirm(units: unit + 1, cuts: cutsMade(unit + 1))
    }

    /// The cuts that are certain when the video has `frames` frames at least: inside a part that another follows all.
    private func cutsMade(_ frames: Int) -> Int {
        task.segments.upperBound < Int.max ? task.segments.upperBound - 1 : task.cuts.cuts(frames: frames)
    }
}
