// SPDX-License-Identifier: Apache-2.0

import Base
import Glibc
import Synchronization

/// A line with a bar for each rung on standard error, when that is a terminal; silent otherwise. Any thread may call it.
final class ProgressBar: Sendable {
    private static let width = 40
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let started = Clock.monotonicMilliseconds()
    private let linesShown = Mutex(0)

    /// Shows how far each rung is, lowest first.
    func show(_ rungs: [(rung: String, percent: Double)]) {
        guard isTerminal else { return }
        let seconds = Double(Clock.monotonicMilliseconds() - started) / 1000
        linesShown.withLock { lines in
            var text = lines > 0 ? "\u{1B}[\(lines)A" : ""
            for (rung, percent) in rungs {
                text += "\r\u{1B}[K" + Self.line(rung, percent: min(100, max(0, percent)), seconds: seconds) + "\n"
            }
            lines = rungs.count
            Self.write(text)
        }
    }

    /// Removes the lines.
    func finish() {
        linesShown.withLock { lines in
            guard lines > 0 else { return }
            Self.write("\u{1B}[\(lines)A\r\u{1B}[J")
            lines = 0
        }
    }

    /// `720p  [####....]  42 %  1:07 left` after so many seconds of work.
    static func line(_ rung: String, percent: Double, seconds: Double) -> String {
        let filled = Int(percent / 100 * Double(width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        let name = rung + String(repeating: " ", count: max(0, 6 - rung.count))
        let number = String(Int(percent))
        var text = "\(name)[\(bar)] " + String(repeating: " ", count: max(0, 3 - number.count)) + number + " %"
        // Too early there is nothing to tell the rest from.
        if percent >= 2, percent < 100, seconds >= 1 {
            text += "  \(clock(Int((seconds / percent * (100 - percent)).rounded(.up)))) left"
        }
        return text
    }

    private static func clock(_ seconds: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return seconds < 3600
            ? "\(seconds / 60):\(two(seconds % 60))"
            : "\(seconds / 3600):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }

    private static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }
}
