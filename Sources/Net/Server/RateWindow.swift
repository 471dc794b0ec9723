// SPDX-License-Identifier: Apache-2.0

/// Judges whether a client takes what it has asked for fast enough. Pure: fed about once a second with what has been
/// sent so far.
///
/// A time without any progress has a limit of its own; this one is for the client that takes a byte now and then to
/// escape it. Time counts only while output waits for the client, so a body that is late from upstream is not blamed
/// on its reader.
struct RateWindow {
    private var startMilliseconds: Int64 = 0
    private var startBytes = 0
    private var isOpen = false

    /// True when the client has taken less than `bytesPerSecond` on the average of a whole window in which output
    /// waited for it all the time. `sentBytes` is all that was sent so far.
    mutating func isTooSlow(
        nowMilliseconds now: Int64, sentBytes: Int, isWaiting: Bool, windowMilliseconds: Int64, bytesPerSecond: Int
    ) -> Bool {
        guard isWaiting, bytesPerSecond > 0 else {
            isOpen = false
            return false
        }
        guard isOpen else {
            open(now, sentBytes)
            return false
        }
        let elapsed = now - startMilliseconds
        guard elapsed >= windowMilliseconds else { return false }
        let isSlow = sentBytes - startBytes < bytesPerSecond * Int(elapsed) / 1000
        open(now, sentBytes)
        return isSlow
    }

    private mutating func open(_ now: Int64, _ sentBytes: Int) {
        isOpen = true
        startMilliseconds = now
        startBytes = sentBytes
    }
}
