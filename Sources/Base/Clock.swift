// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Time as the project counts it: monotonic for intervals and deadlines, wall for what people and tokens see.
public enum Clock {
    /// Milliseconds of a clock that never goes back. Its zero means nothing.
    public static func monotonicMilliseconds() -> Int64 { spw_monotonic_nanoseconds() / 1_000_000 }

    /// Microseconds of the same clock.
    public static func monotonicMicroseconds() -> Int64 { spw_monotonic_nanoseconds() / 1000 }

    /// Seconds since 1970-01-01 UTC.
    public static func wallSeconds() -> Int64 { spw_realtime_nanoseconds() / 1_000_000_000 }

    /// Milliseconds since 1970-01-01 UTC.
    public static func wallMilliseconds() -> Int64 { spw_realtime_nanoseconds() / 1_000_000 }
}
