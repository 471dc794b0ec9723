// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A bar on standard error, when that is a terminal; silent otherwise.
struct ProgressBar {
    private static let width = 40
    private let isTerminal = isatty(STDERR_FILENO) == 1

    mutating func show(percent: Double) {
        guard isTerminal else { return }
        let bounded = min(100, max(0, percent))
        let filled = Int(bounded / 100 * Double(Self.width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
        write("\r[\(bar)] \(Int(bounded)) % ")
    }

    /// Leaves the line.
    mutating func finish() {
        guard isTerminal else { return }
        write("\r\u{1B}[K")
    }

    private func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }
}
