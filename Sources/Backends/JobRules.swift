// SPDX-License-Identifier: Apache-2.0

/// What a worker that asked for a part gets.
public enum LeaseResult: Sendable, Equatable {
    case leased
    /// Not due yet, held by another worker, or ended.
    case unavailable
    /// The last try's lease ended in silence: the job is now set aside.
    case exhausted
}

/// What became of a part that is done.
public enum CompletionResult: Sendable, Equatable {
    /// The caller does not hold the part any more: nothing has changed.
    case lost
    case partDone
    /// It was the job's last part.
    case jobDone
}

/// The rules of a job and the leases of its parts, free of any storage and clock.
public struct JobRules: Sendable, Equatable {
    /// The most parts of one job: a day of video in chunks of half a minute.
    public static let partsMax = 4096

    /// How many tries a part has.
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

    /// A worker asks for this part.
    public func lease(_ job: inout JobState, part number: Int, now: Int64, durationMilliseconds: Int64) -> LeaseResult {
        guard job.phase == .open, job.parts.indices.contains(number) else { return .unavailable }
        var part = job.parts[number]
        switch part.phase {
        case .waiting, .done, .setAside: return .unavailable
        case .queued:
            guard part.dueMilliseconds <= now else { return .unavailable }
        case .leased:
            guard part.leaseEndsMilliseconds <= now else { return .unavailable }
            guard part.tries < triesMax else {
                setAside(&job, part: number)
                return .exhausted
            }
        }
        part.phase = .leased
        part.attempt += 1
        part.tries += 1
        part.leaseEndsMilliseconds = now + durationMilliseconds
        job.parts[number] = part
        return .leased
    }

    /// The holder of `attempt` shows that it lives. A lease that ended but that nobody else took is revived:
    /// the work is still good. A job that was cancelled or set aside is lost to all who work on it.
    public func heartbeat(
        _ job: inout JobState, part number: Int, attempt: Int, now: Int64, durationMilliseconds: Int64
    ) -> HeartbeatResult {
        guard holds(job, number, attempt) else { return .lost }
        job.parts[number].leaseEndsMilliseconds = now + durationMilliseconds
        return .extended
    }

    /// The holder of `attempt` is done; a plan brings the job's further parts. Parts that waited for it become due.
    public func complete(
        _ job: inout JobState, part number: Int, attempt: Int, adding kinds: [PartKind] = [], now: Int64
    ) -> CompletionResult {
        guard holds(job, number, attempt) else { return .lost }
        job.parts[number].phase = .done
        for kind in kinds.prefix(Self.partsMax - job.parts.count) {
            job.parts.append(PartState(number: job.parts.count, kind: kind))
        }
        wake(&job, now: now)
        guard job.parts.allSatisfy({ $0.phase == .done }) else { return .partDone }
        job.phase = .done
        return .jobDone
    }

    /// The holder of `attempt` failed.
    public func fail(_ job: inout JobState, part number: Int, attempt: Int, now: Int64, final: Bool) -> FailureResult {
        guard holds(job, number, attempt) else { return .lost }
        guard !final, job.parts[number].tries < triesMax else {
            setAside(&job, part: number)
            return .setAside
        }
        job.parts[number].phase = .queued
        job.parts[number].dueMilliseconds = now + backOffMilliseconds(tries: job.parts[number].tries)
        return .retryAt(job.parts[number].dueMilliseconds)
    }

    /// The holder of `attempt` stops without a verdict: the try does not count and the part is due at once.
    public func release(_ job: inout JobState, part number: Int, attempt: Int, now: Int64) {
        guard holds(job, number, attempt) else { return }
        job.parts[number].phase = .queued
        job.parts[number].tries -= 1
        job.parts[number].dueMilliseconds = now
    }

    /// Ends the job; false when it has ended already. Who works on a part learns of it by the next heartbeat.
    public func cancel(_ job: inout JobState) -> Bool {
        guard job.phase == .open else { return false }
        job.phase = .cancelled
        stop(&job)
        return true
    }

    /// Takes up a job again that was set aside or cancelled: what is done stays done, everything else has all its tries
    /// again. False for a job in any other phase.
    public func restart(_ job: inout JobState, now: Int64) -> Bool {
        guard job.phase == .setAside || job.phase == .cancelled else { return false }
        job.phase = .open
        for index in job.parts.indices where job.parts[index].phase != .done {
            job.parts[index].phase = .waiting
            job.parts[index].tries = 0
        }
        wake(&job, now: now)
        return true
    }

    /// One part can not be done, so nobody needs the others.
    private func setAside(_ job: inout JobState, part number: Int) {
        job.parts[number].phase = .setAside
        job.phase = .setAside
        stop(&job)
    }

    /// Takes every open part back; the attempt numbers stay, so their holders are refused from now on.
    private func stop(_ job: inout JobState) {
        for index in job.parts.indices where job.parts[index].phase == .queued || job.parts[index].phase == .leased {
            job.parts[index].phase = .waiting
        }
    }

    private func wake(_ job: inout JobState, now: Int64) {
        let open = Set(job.parts.filter { $0.phase != .done }.map(\.kind))
        for index in job.parts.indices
        where job.parts[index].phase == .waiting && open.isDisjoint(with: job.parts[index].kind.follows) {
            job.parts[index].phase = .queued
            job.parts[index].dueMilliseconds = now
        }
    }

    private func holds(_ job: JobState, _ number: Int, _ attempt: Int) -> Bool {
        job.phase == .open && job.parts.indices.contains(number) && job.parts[number].phase == .leased
            && job.parts[number].attempt == attempt
    }

    /// The wait after the given number of tries: doubling, with an upper bound.
    func backOffMilliseconds(tries: Int) -> Int64 {
        var wait = retryMilliseconds
        for _ in 1..<max(tries, 1) where wait < retryMillisecondsMax { wait *= 2 }
        return min(wait, retryMillisecondsMax)
    }
}
