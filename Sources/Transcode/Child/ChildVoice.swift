// SPDX-License-Identifier: Apache-2.0
//
// One for a child's work, used by all of its threads. The lock guards when progress was last told.

import Base
import Synchronization

/// Tells a child's parent how the work goes, progress not too often.
final class ChildVoice: Sendable {
    private static let progressMilliseconds: Int64 = 250

    private struct Told {
        var progress: Int64 = 0
        var rungs: Int64 = 0
    }

    private let output: ChildOutput
    private let told = Mutex(Told())

    init(_ output: ChildOutput) {
        self.output = output
    }

    func say(_ message: ChildMessage) {
        guard isTime(for: message) else { return }
        // A parent that no longer reads is seen at the next file.
        try? output.say(message)
    }

    private func isTime(for message: ChildMessage) -> Bool {
        let now = Clock.monotonicMilliseconds()
        return told.withLock { told in
            switch message {
            case .progress:
                guard now - told.progress >= Self.progressMilliseconds else { return false }
                told.progress = now
            case .rungs:
                guard now - told.rungs >= Self.progressMilliseconds else { return false }
                told.rungs = now
            default: break
            }
            return true
        }
    }
}
