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
    /// Fills under way now, those of single pieces included.
    let fillsOpen = Counter()
    /// Requests that wait now, for a head or for more of a body.
    let readersWaiting = Counter()
    let fillsFailed = Counter()
    let fillsRefused = Counter()
    let fillsCancelled = Counter()
    /// Times that upstream was made to wait for a slow reader.
    let fillsPaused = Counter()
    /// Stale responses that upstream has found still good.
    let revalidations = Counter()
    /// Times that a stale response stood in for upstream's failure.
    let staleOnError = Counter()
    /// Fetches of slices that a stored body lacked.
    let piecesFetched = Counter()
    /// Requests refused because too many wait already.
    let waitersRefused = Counter()
    let loopsDetected = Counter()
    /// Requests for hosts that are none of the sites'.
    let hostsRefused = Counter()
    /// Requests that went upstream with their content.
    let passes = Counter()
    let waitsTimedOut = Counter()
    /// Bodies compressed; each once for all who want it.
    let compressions = Counter()
    /// Fetches ahead that were begun, and those that a client then took.
    let prefetches = Counter()
    let prefetchesUsed = Counter()
    private let skipped = PrefetchSkip.allCases.map { _ in Counter() }

    /// What was not fetched ahead.
    func prefetchesSkipped(_ reason: PrefetchSkip) -> Counter { skipped[reason.rawValue] }
}
