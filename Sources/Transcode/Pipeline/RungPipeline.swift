// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS
import Synchronization

/// One rung's work on its own thread: scale, encode, cut, store.
final class RungPipeline: Sendable {
    /// Pictures waiting for a rung's encoder. At 1080p one is 3 MB; more would only hide which rung is slowest.
    private static let queueCapacity = 8

    private struct Picture: Sendable {
        var frame: Frame
        var number: Int
    }

    let rung: Rung
    private let plan: SegmentPlan
    private let settings: VideoSettings
    private let sourceSize: PictureSize
    private let folder: String
    private let queue = BoundedQueue<Picture>(capacity: queueCapacity)
    private let encoded = Atomic<Int>(0)
    private let outcome = Mutex<Result<RenditionOutput, MediaError>?>(nil)
    private let thread = Mutex<WorkThread?>(nil)

    /// `sourceSize` is the size of the pictures that will come; `folder` must exist.
    init(rung: Rung, sourceSize: PictureSize, plan: SegmentPlan, settings: VideoSettings, folder: String) {
        self.rung = rung
        self.sourceSize = sourceSize
        self.plan = plan
        self.settings = settings
        self.folder = folder
    }

    /// Starts the thread.
    func start() throws(MediaError) {
        let worker = try WorkThread { [self] in
            let result: Result<RenditionOutput, MediaError>
            do throws(MediaError) {
                result = .success(try run())
            } catch {
                result = .failure(error)
            }
            outcome.withLock { $0 = result }
            queue.abandon()
        }
        thread.withLock { $0 = worker }
    }

    /// How many frames have been encoded so far.
    var framesEncoded: Int { encoded.load(ordering: .relaxed) }

    /// Hands over picture `number` (from 0, without gaps); waits while the queue is full. False: the rung failed.
    func push(_ frame: Frame, number: Int) -> Bool { queue.push(Picture(frame: frame, number: number)) }

    /// Tells the end, waits for the thread, and gives its result.
    func finish() throws(MediaError) -> RenditionOutput {
        queue.finish()
        join()
        guard let result = outcome.withLock({ $0 }) else { throw MediaError.failed("a rung without a result") }
        return try result.get()
    }

    /// Drops the work and waits for the thread.
    func cancel() {
        queue.finish()
        join()
    }

    private func join() {
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }

    private func run() throws(MediaError) -> RenditionOutput {
        let encoder = try Encoder(video: settings)
        let muxer = try FragmentMuxer(encoder: encoder)
        let plan = plan
        let writer = try SegmentWriter(
            muxer: muxer, folder: folder, unitSeconds: plan.frameRate.seconds(frames: 1),
            segmentStart: { plan.videoStart(segment: $0) })
        let scaler = try makeScaler()
        var packets = 0
        func take(_ packet: Packet) throws(MediaError) {
            packet.pointer.pointee.duration = 1
            writer.append(packet, unit: packets)
            packets += 1
            encoded.store(packets, ordering: .relaxed)
            try writer.confirm(units: packets, cuts: plan.cuts(frames: packets))
        }
        while let picture = queue.pop() {
            let frame: Frame
            if let scaler {
                try scaler.push(picture.frame)
                guard let scaled = try scaler.pull() else { throw MediaError.failed("a picture was not scaled") }
                frame = scaled
            } else {
                frame = try picture.frame.reference()
            }
            frame.pointer.pointee.pts = Int64(picture.number)
            // A decoded frame's type would be taken by x264 as an order.
            let isGridFrame = picture.number % plan.gopFrames == 0
            frame.pointer.pointee.pict_type = isGridFrame ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE
            frame.pointer.pointee.key_frame = isGridFrame ? 1 : 0
            try encoder.encode(frame, take)
        }
        try encoder.encode(nil, take)
        try writer.finish(units: packets, cuts: plan.cuts(frames: packets))
        return try output(writer)
    }

    private func makeScaler() throws(MediaError) -> FilterGraph? {
        guard rung.size != sourceSize else { return nil }
        return try FilterGraph(
            .video,
            input: "video_size=\(sourceSize):pix_fmt=\(AV_PIX_FMT_YUV420P.rawValue):time_base=1/1:pixel_aspect=1/1",
            chain: "scale=\(rung.size.width):\(rung.size.height):flags=bicubic,setsar=1,format=yuv420p")
    }

    private func output(_ writer: SegmentWriter) throws(MediaError) -> RenditionOutput {
        guard let avcC = mp4AVCConfiguration(writer.initialization),
            let codecs = avcCodecs(decoderConfiguration: avcC)
        else { throw MediaError.failed("no decoder configuration in the initialization segment") }
        return RenditionOutput(
            name: rung.name, codecs: codecs, width: rung.size.width, height: rung.size.height,
            framesPerSecond: plan.frameRate.value, segments: writer.segments)
    }
}
