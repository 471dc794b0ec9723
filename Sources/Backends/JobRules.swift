// SPDX-License-Identifier: Apache-2.0

/// Where one job stands. The rules below change it; the database only stores it.
///
///     queued --lease--> leased --complete--> done
///        ^                | | fail (a try is left), release, lease ended
///        +----------------+ +--fail (final or no try left)--> setAside
public struct JobState: Sendable, Equatable {
    public enum Phase: String, Sendable, CaseIterable {
        case queued, leased, done, setAside
    }

    public var phase: Phase
    /// Counts every lease that was ever given, so that a call of an earlier holder is recognised and refused.
    public var attempt: Int
    /// Counts the leases that used up a try; a released lease is not among them.
    public var tries: Int
    /// Wall-clock milliseconds before which a queued job is not given out.
    public var dueMilliseconds: Int64
    /// Wall-clock milliseconds at which a leased job's lease ends.
    public var leaseEndsMilliseconds: Int64

    /// A new job, due at once.
    public init(nowMilliseconds: Int64) {
        self.init(
            phase: .queued, attempt: 0, tries: 0, dueMilliseconds: nowMilliseconds, leaseEndsMilliseconds: 0)
    }

    public init(phase: Phase, attempt: Int, tries: Int, dueMilliseconds: Int64, leaseEndsMilliseconds: Int64) {
        self.phase = phase
        self.attempt = attempt
        self.tries = tries
        self.dueMilliseconds = dueMilliseconds
        self.leaseEndsMilliseconds = leaseEndsMilliseconds
    }
}

/// What a worker that asked for a job gets.
public enum LeaseResult: Sendable, Equatable {
    case leased
    /// Not due yet, held by another worker, or ended.
    case unavailable
    /// The last try's lease ended in silence: the job is now set aside.
    case exhausted
}

/// The rules of leasing, free of any storage and clock.
public struct JobRules: Sendable, Equatable {
    /// How many tries a job has.
    public var triesMax: Int
    /// The wait after the first failed try; it doubles with each further one.
    public var retryMilliseconds: Int64
    public var retryMillisecondsMax: Int64

    public init(triesMax: Int, retryMilliseconds: Int64 = 5000, retryMillisecondsMax: Int64 = 300_000) {
        precondition(triesMax >= 1 && retryMilliseconds >= 0 && retryMillisecondsMax >= retryMilliseconds)
        self.triesMax = triesMax
        self.retryMilliseconds = retryMilliseconds
        self.retryMillisecondsMax = retryMillisecondsMax
    }

    /// A worker asks for this job.
    public func lease(_ job: inout JobState, now: Int64, durationMilliseconds: Int64) -> LeaseResult {
        switch job.phase {
        case .done, .setAside: return .unavailable
        case .queued:
            guard job.dueMilliseconds <= now else { return .unavailable }
        case .leased:
            guard job.leaseEndsMilliseconds <= now else { return .unavailable }
            guard job.tries < triesMax else {
                job.phase = .setAside
                return .exhausted
            }
        }
        job.phase = .leased
        job.attempt += 1
        job.tries += 1
        job.leaseEndsMilliseconds = now + durationMilliseconds
        return .leased
    }

    /// The holder of `attempt` shows that it lives. A lease that ended but that nobody else took is revived:
    /// the work is still good.
    public func heartbeat(_ job: inout JobState, attempt: Int, now: Int64, durationMilliseconds: Int64)
        -> HeartbeatResult
    {
        guard holds(job, attempt) else { return .lost }
        job.leaseEndsMilliseconds = now + durationMilliseconds
        return .extended
    }

    /// The holder of `attempt` is done; false when it does not hold the job any more.
    public func complete(_ job: inout JobState, attempt: Int) -> Bool {
        guard holds(job, attempt) else { return false }
        job.phase = .done
        return true
    }

    /// The holder of `attempt` failed.
    public func fail(_ job: inout JobState, attempt: Int, now: Int64, final: Bool) -> FailureResult {
        guard holds(job, attempt) else { return .lost }
        guard !final, job.tries < triesMax else {
            job.phase = .setAside
            return .setAside
        }
        job.phase = .queued
        job.dueMilliseconds = now + backOffMilliseconds(tries: job.tries)
        return .retryAt(job.dueMilliseconds)
    }

    /// The holder of `attempt` stops without a verdict: the try does not count and the job is due at once.
    public func release(_ job: inout JobState, attempt: Int, now: Int64) {
        guard holds(job, attempt) else { return }
        job.phase = .queued
        job.tries -= 1
        job.dueMilliseconds = now
    }

    private func holds(_ job: JobState, _ attempt: Int) -> Bool {
        job.phase == .leased && job.attempt == attempt
    }

    /// The wait after the given number of tries: doubling, with an upper bound.
    func backOffMilliseconds(tries: Int) -> Int64 {
        var wait = retryMilliseconds
        for _ in 1..<max(tries, 1) where wait < retryMillisecondsMax { wait *= 2 }
        return min(wait, retryMillisecondsMax)
    }
}
