// SPDX-License-Identifier: Apache-2.0

/// How many workers there should be, and when one that crashed is replaced. No I/O and no clock.
///
/// Workers end by themselves when they are idle: who asks one from outside to end would take its part away. So here they
/// are only started. The first `workersMin` stay.
struct ScaleRules: Sendable, Equatable {
    static let backOffMilliseconds: Int64 = 500
    static let backOffMillisecondsMax: Int64 = 60_000
    /// A worker that ran for so long was not started in vain.
    static let healthyMilliseconds: Int64 = 60_000

    let workersMin: Int
    let workersMax: Int
    /// Parts that one worker does at the same time.
    let parallel: Int
    private var crashes = 0
    private var notBeforeMilliseconds: Int64 = .min

    init(workersMin: Int, workersMax: Int, parallel: Int) {
        precondition(0 <= workersMin && 1 <= workersMax && workersMin <= workersMax && parallel >= 1)
        self.workersMin = workersMin
        self.workersMax = workersMax
        self.parallel = parallel
    }

    /// How many workers to start beside those that run; `depth` counts the parts that are due or in work.
    func workersToStart(depth: Int, running: Int, now: Int64) -> Int {
        guard now >= notBeforeMilliseconds else { return 0 }
        let wanted = min(workersMax, max(workersMin, (depth + parallel - 1) / parallel))
        return max(0, wanted - running)
    }

    /// A worker has ended. One that crashed soon makes the next start wait, twice as long each time.
    mutating func ended(isCrash: Bool, lifetimeMilliseconds: Int64, now: Int64) {
        guard isCrash else {
            crashes = 0
            return
        }
        crashes = lifetimeMilliseconds >= Self.healthyMilliseconds ? 1 : crashes + 1
        var wait = Self.backOffMilliseconds
        for _ in 1..<max(crashes, 1) where wait < Self.backOffMillisecondsMax { wait *= 2 }
        notBeforeMilliseconds = now + min(wait, Self.backOffMillisecondsMax)
    }
}
