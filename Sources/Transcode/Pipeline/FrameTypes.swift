// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// Which pictures are P and which are B: the encoder of one rung decides, those of the larger rungs follow. Looking for
/// the best places of B pictures is a tenth of an encoder's work, and finds much the same in every size.
///
/// It also holds the larger rungs back until the deciding one, the lowest, has made the head of the video.
///
/// Shared by the threads of a cascade. The deciding rung's thread calls `decide`, and `end` when it ends, however that
/// is; the others ask.
final class FrameTypes: Sendable {
    private struct State {
        /// By picture, counted from the first one; NONE: not decided yet.
        var types: [AVPictureType] = []
        var decided = 0
        var isOver = false
    }

    private let monitor = Monitor(State())
    private let firstNumber: Int
    private let headFrames: Int

    /// `firstNumber` is the first picture's. The larger rungs do not begin before `headFrames` pictures are decided,
    /// unless they must.
    init(firstNumber: Int, headFrames: Int) {
        self.firstNumber = firstNumber
        self.headFrames = headFrames
    }

    /// Notes the type of picture `number`, which has come out of the deciding encoder.
    func decide(_ type: AVPictureType, number: Int) {
        let index = number - firstNumber
        guard index >= 0 else { return }
        monitor.use { state in
            while state.types.count <= index { state.types.append(AV_PICTURE_TYPE_NONE) }
            state.types[index] = type
            state.decided += 1
        }
    }

    /// The deciding rung has ended: what has no type yet gets none.
    func end() { monitor.use { $0.isOver = true } }

    /// The type of picture `number`, NONE when it is the encoder's to choose; nil: ask again later.
    func type(number: Int) -> AVPictureType? {
        monitor.use { [headFrames, firstNumber] state in
            guard state.decided >= headFrames || state.isOver else { return nil }
            return Self.type(state, number - firstNumber)
        }
    }

    /// The type of picture `number`, whether the head is made or not; waits for it. The deciding rung must have all
    /// pictures that its encoder looks ahead at.
    func waitForType(number: Int) -> AVPictureType {
        monitor.wait { [firstNumber] state in Self.type(state, number - firstNumber) }
    }

    private static func type(_ state: State, _ index: Int) -> AVPictureType? {
        let known = index >= 0 && index < state.types.count ? state.types[index] : AV_PICTURE_TYPE_NONE
        return known != AV_PICTURE_TYPE_NONE || state.isOver ? known : nil
    }
}
