// SPDX-License-Identifier: Apache-2.0

import Base

/// What one worker has done with requests. Written by its thread, read by the administration's.
final class EdgeCounters: Sendable {
    let hits = Counter()
    /// Requests that waited for, or started, a fill.
    let misses = Counter()
    /// Misses that another request's fill answered.
    let collapsed = Counter()
    let staleHits = Counter()
    let tokensRejected = Counter()
    let tokensVerified = Counter()
    let upstreamRequests = Counter()
    let upstreamBytes = Counter()
    let fillsFailed = Counter()
    let fillsRefused = Counter()
    let fillsCancelled = Counter()
    /// Times that upstream was made to wait for a slow reader.
    let fillsPaused = Counter()
    let waitsTimedOut = Counter()
    /// Bodies compressed; each once for all who want it.
    let compressions = Counter()
}
