// SPDX-License-Identifier: Apache-2.0

/// Makes a constant frame rate: says for each source frame which output frames show it.
///
/// Output frame n shows the source frame that is nearest in time to n frame durations. A source frame is held
/// until the next one is known, repeated over gaps, and dropped when another takes its place.
struct FrameClock {
    private let frameRate: FrameRate
    private var held: (frame: Frame, number: Int)?
    /// Output frames given so far.
    private(set) var framesEmitted = 0

    init(frameRate: FrameRate) {
        self.frameRate = frameRate
    }

    /// Takes the source frame at `seconds` from the start and emits what is now certain. Times before the
    /// previous frame's count as its time.
    mutating func push(
        _ frame: Frame, seconds: Double, emit: (Frame, Int) throws(MediaError) -> Void
    ) throws(MediaError) {
        let number = max(Int((max(0, seconds) * frameRate.value).rounded()), held?.number ?? 0)
        if let shown = held {
            while framesEmitted < number { try emitNext(shown.frame, emit) }
        } else {
            // The picture begins after the sound: its first frame stands until then.
            while framesEmitted < number { try emitNext(frame, emit) }
        }
        held = (frame, number)
    }

    /// Emits the last frame until `endSeconds`, once at least. Does nothing when no frame came.
    mutating func finish(
        endSeconds: Double, emit: (Frame, Int) throws(MediaError) -> Void
    ) throws(MediaError) {
        guard let shown = held else { return }
        let end = max(Int((endSeconds * frameRate.value).rounded()), framesEmitted + 1)
        while framesEmitted < end { try emitNext(shown.frame, emit) }
        held = nil
    }

    private mutating func emitNext(
        _ frame: Frame, _ emit: (Frame, Int) throws(MediaError) -> Void
    ) throws(MediaError) {
        let number = framesEmitted
        framesEmitted += 1
        try emit(frame, number)
    }
}
