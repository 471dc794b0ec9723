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

    /// Whether the types of pictures are decided for other rungs, or by another one.
    enum TypesRole: Sendable {
        case none
        case decides(FrameTypes)
        /// At most so many pictures wait for their type.
        case follows(FrameTypes, waitingMax: Int)
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
        var types = TypesRole.none
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
            if case .decides(let types) = task.types { types.end() }
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
        var waiting: [Picture] = []
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
            waiting.append(Picture(frame: frame, number: picture.number))
            try encodeSome(of: &waiting, rung)
            encoded.store(rung.framesEncoded, ordering: .relaxed)
        }
        next?.queue.finish()
        for picture in waiting {
            guard !queue.isAbandoned else { break }
            try rung.encode(picture.frame, number: picture.number, type: waitForType(picture))
            encoded.store(rung.framesEncoded, ordering: .relaxed)
        }
        guard !queue.isAbandoned else { throw MediaError.failed("given up") }
        let output = try rung.finish()
        encoded.store(rung.framesEncoded, ordering: .relaxed)
        return output
    }

    /// Encodes what has its type, at most two: so the smaller rungs get their pictures while a long row is worked off.
    private func encodeSome(of waiting: inout [Picture], _ rung: RungEncoder) throws(MediaError) {
        guard case .follows(let types, let waitingMax) = task.types else {
            for picture in waiting {
                try rung.encode(picture.frame, number: picture.number, type: AV_PICTURE_TYPE_NONE)
            }
            waiting = []
            return
        }
        for _ in 0..<2 {
            guard let first = waiting.first else { return }
            let isFull = waiting.count >= waitingMax
            guard let type = isFull ? waitForType(first) : types.type(number: first.number) else { return }
            waiting.removeFirst()
            try rung.encode(first.frame, number: first.number, type: type)
        }
    }

    private func waitForType(_ picture: Picture) -> AVPictureType {
        guard case .follows(let types, _) = task.types else { return AV_PICTURE_TYPE_NONE }
        return types.waitForType(number: picture.number)
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
