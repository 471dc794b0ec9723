// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS
import Synchronization

/// One rung's work on its own thread: scale, hand on to the next smaller rung, encode, cut, store.
///
/// The rungs of a part are a cascade: each takes the pictures of the next larger one, so that most scaling starts
/// from few pixels. Frames are shared by reference and only read.
final class RungPipeline: Sendable {
    /// Pictures waiting for a rung's encoder: the pictures of one decision about B frames, twice. At 1080p one is 3 MB.
    private static let queueCapacity = 8

    private struct Picture: Sendable {
        var frame: Frame
        var number: Int
    }

    /// What one rung makes of a part.
    struct Task: Sendable {
        var rung: Rung
        /// The size of the pictures that will come.
        var inputSize: PictureSize
        /// The segments that are made; the upper bound may be Int.max. Pictures before are only handed on.
        var segments: Range<Int>
        var cuts: SegmentPlan
        var settings: VideoSettings
        /// The rendition's folder; it must exist.
        var folder: String

        /// The output frames that are encoded.
        var frames: Range<Int> { cuts.frames(segments: segments) }
    }

    let task: Task
    private let next: RungPipeline?
    private let announce: @Sendable (ChildMessage) -> Void
    private let queue = BoundedQueue<Picture>(capacity: queueCapacity)
    private let encoded = Atomic<Int>(0)
    private let outcome = Mutex<Result<RenditionOutput, MediaError>?>(nil)
    private let thread = Mutex<WorkThread?>(nil)

    /// `next` is the next smaller rung, which is fed by this one. `announce` is told when the rendition begins and
    /// when a segment is whole.
    init(_ task: Task, next: RungPipeline?, announce: @escaping @Sendable (ChildMessage) -> Void) {
        self.task = task
        self.next = next
        self.announce = announce
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
            next?.queue.finish()
        }
        thread.withLock { $0 = worker }
    }

    /// How many frames have been encoded so far.
    var framesEncoded: Int { encoded.load(ordering: .relaxed) }

    /// Hands over picture `number` (without gaps); waits while the queue is full. False: the rung failed.
    func push(_ frame: Frame, number: Int) -> Bool { queue.push(Picture(frame: frame, number: number)) }

    /// Tells the end, waits for the thread, and gives its result.
    func finish() throws(MediaError) -> RenditionOutput {
        queue.finish()
        join()
        guard let result = outcome.withLock({ $0 }) else { throw MediaError.failed("a rung without a result") }
        return try result.get()
    }

    /// The reason why the thread has ended early.
    var failure: MediaError? {
        guard case .failure(let error) = outcome.withLock({ $0 }) else { return nil }
        return error
    }

    /// Drops the work and waits for the thread.
    func cancel() {
        queue.abandon()
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
        let rung = try RungEncoder(task, announce: announce)
        let scaler = try makeScaler()
        while let picture = queue.pop() {
            var frame = picture.frame
            let isWanted = picture.number >= task.frames.lowerBound
            if let scaler, isWanted || next != nil {
                try scaler.push(frame)
                guard let scaled = try scaler.pull() else { throw MediaError.failed("a picture was not scaled") }
                frame = scaled
            }
            // First: the smaller rungs work while this one encodes.
            if let next, !next.push(frame, number: picture.number) {
                throw next.failure ?? MediaError.failed("the rung \(next.task.rung.name) ended early")
            }
            guard isWanted else { continue }
            try rung.encode(frame, number: picture.number)
            encoded.store(rung.framesEncoded, ordering: .relaxed)
        }
        next?.queue.finish()
        let output = try rung.finish()
        encoded.store(rung.framesEncoded, ordering: .relaxed)
        return output
    }

    private func makeScaler() throws(MediaError) -> FilterGraph? {
        guard task.rung.size != task.inputSize else { return nil }
        return try FilterGraph(
            .video,
            input: "video_size=\(task.inputSize):pix_fmt=\(AV_PIX_FMT_YUV420P.rawValue)"
                + ":time_base=1/1:pixel_aspect=1/1",
            chain: "scale=\(task.rung.size.width):\(task.rung.size.height):flags=bicubic,setsar=1,format=yuv420p")
    }
}
