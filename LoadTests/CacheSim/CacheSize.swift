// SPDX-License-Identifier: Apache-2.0

import Base
import Glibc

/// The size of a cache: `5%` of a trace's footprint, or bytes such as `512MiB`.
enum CacheSize: Hashable, Sendable, CustomStringConvertible {
    case percent(Double)
    case bytes(Int)

    static let standard: [CacheSize] = [0.5, 1, 2, 5, 10, 20].map { .percent($0) }

    /// Nil for what is neither, for nothing, and for more than the whole.
    init?(_ text: String) {
        if text.hasSuffix("%") {
            guard let percent = Double(text.dropLast()), percent > 0, percent <= 100 else { return nil }
            self = .percent(percent)
        } else {
            guard let bytes = parseByteCount(text), bytes > 0 else { return nil }
            self = .bytes(bytes)
        }
    }

    func bytes(footprintBytes: Int) -> Int {
        switch self {
        case .percent(let percent): max(1, Int((Double(footprintBytes) * percent / 100).rounded()))
        case .bytes(let bytes): bytes
        }
    }

    var description: String {
        switch self {
        case .percent(let percent): (percent == percent.rounded() ? decimal(percent, 0) : "\(percent)") + " %"
        case .bytes(let bytes): formatByteCount(bytes)
        }
    }
}
