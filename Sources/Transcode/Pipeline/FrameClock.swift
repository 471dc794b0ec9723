// SPDX-License-Identifier: Apache-2.0

/// Makes a constant frame rate: says for each source frame which output frames show it.
///
/// Output frame n shows the source frame that is nearest in time to n frame durations. A source frame is held
/// until the next one is known, repeated over gaps, and dropped when another takes its place.
///
/// A clock may stand for a part of the output. It picks what one that began at 0 would have picked, given source
/// frames from any that is not shown later than the part's first output frame.
struct FrameClock {
    private let frameRate: FrameRate
    private let frames: Range<Int>
    private var held: (frame: Frame, number: Int)?
    /// The output frame that is next.
    private(set) var nextFrame: Int

    /// `frames` are the output frames that are wanted; the upper bound may be Int.max.
    init(frameRate: FrameRate, frames: Range<Int> = 0..<Int.max) {
        self.frameRate = frameRate
        self.frames = frames
        nextFrame = frames.lowerBound
    }

    /// All frames have been given.
    var isDone: Bool { nextFrame >= frames.upperBound }

    /// The output frame that is nearest to `seconds` from the start.
    func number(seconds: Double) -> Int {
        Int(min(0x1p53, max(0, seconds) * frameRate.value).rounded())
    }

    /// Takes the source frame at `seconds` from the start and emits what is now certain. Times before the
    /// previous frame's count as its time.
    mutating func push(
        _ frame: Frame, seconds: Double, emit: (Frame, Int) throws(MediaError) -> Void
    ) throws(MediaError) {
        let number = max(number(seconds: seconds), held?.number ?? 0)
        // Where the picture begins after the sound its first frame stands until then.
        try emitUntil(number, held?.frame ?? frame, emit)
        held = (frame, number)
    }

    /// Emits the last frame until `endSeconds`, once at least. Does nothing when no frame came.
    mutating func finish(
        endSeconds: Double, emit: (Frame, Int) throws(MediaError) -> Void
    ) throws(MediaError) {
        guard let shown = held else { return }
        try emitUntil(max(number(seconds: endSeconds), shown.number + 1), shown.frame, emit)
        held = nil
    }

    private mutating func emitUntil(
        _ end: Int, _ frame: Frame, _ emit: (Frame, Int) throws(MediaError) -> Void
    ) throws(MediaError) {
        while nextFrame < min(end, frames.upperBound) {
            let number = nextFrame
            nextFrame += 1
            try emit(frame, number)
        }
    }
}
