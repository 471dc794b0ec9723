// SPDX-License-Identifier: Apache-2.0

/// A number of seconds that a peer sent (RFC 9111 section 1.2.2), and the arithmetic with it.
///
/// Nothing here overflows: seconds are cut at 2^31, so that sums of a few of them in milliseconds fit an `Int64` easily.
enum DeltaSeconds {
    /// What the RFC says to take for any greater number.
    static let max: Int64 = 2_147_483_648

    /// Digits only; nil for anything else, an empty value, a sign and a fraction among them.
    static func parse(_ value: some Collection<UInt8>) -> Int64? {
        guard !value.isEmpty else { return nil }
        var seconds: Int64 = 0
        for byte in value {
            guard isDigit(byte) else { return nil }
            seconds = min(max, seconds * 10 + Int64(byte - 0x30))
        }
        return seconds
    }

    static func clamped(_ seconds: Int64) -> Int64 {
        Swift.max(0, min(seconds, max))
    }

    /// Negative ones count as 0.
    static func milliseconds(_ seconds: Int64) -> Int64 {
        clamped(seconds) * 1000
    }

    /// `value` within what `max` seconds are.
    static func clampedMilliseconds(_ value: Int64) -> Int64 {
        Swift.max(0, min(value, max * 1000))
    }
}
