// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Backends

/// The rules of a job and of its parts' leases, event by event, without a database or a clock.
@Suite struct JobRulesTests {
    let rules = JobRules(triesMax: 3, retryMilliseconds: 100, retryMillisecondsMax: 350)

    /// A job whose only part is leased.
    func leased(tries: Int = 1, ends: Int64 = 1000) -> JobState {
        JobState(
            phase: .open,
            parts: [
                PartState(
                    number: 0, kind: .plan, phase: .leased, attempt: tries, tries: tries, leaseEndsMilliseconds: ends)
            ])
    }

    /// A job whose plan is done, with the parts of a video in two chunks.
    func planned() -> JobState {
        var job = leased()
        let kinds: [PartKind] = [.head, .sound, .chunk, .chunk, .pictures, .soundEnd, .assembly]
        #expect(rules.complete(&job, part: 0, attempt: 1, adding: kinds, now: 500) == .partDone)
        return job
    }

    func lease(_ job: inout JobState, _ part: Int = 0, now: Int64) -> LeaseResult {
        rules.lease(&job, part: part, now: now, durationMilliseconds: 30)
    }

    /// The kinds of parts that can be leased.
    func due(_ job: JobState) -> [Int] { job.parts.filter { $0.phase == .queued }.map(\.number) }

    /// Leases a part and completes it.
    func finish(_ job: inout JobState, _ part: Int, now: Int64 = 1000) -> CompletionResult {
        #expect(lease(&job, part, now: now) == .leased)
        return rules.complete(&job, part: part, attempt: job.parts[part].attempt, now: now)
    }

    @Test func aNewJobsPlanIsLeasedAtOnce() {
        var job = JobState(nowMilliseconds: 50)
        #expect(lease(&job, now: 49) == .unavailable)
        #expect(lease(&job, now: 50) == .leased)
        #expect(
            job.parts == [
                PartState(
                    number: 0, kind: .plan, phase: .leased, attempt: 1, tries: 1, dueMilliseconds: 50,
                    leaseEndsMilliseconds: 80)
            ])
    }

    @Test func partsBecomeDueWhenWhatTheyFollowIsDone() {
        var job = planned()
        #expect(due(job) == [1])
        #expect(lease(&job, 3, now: 600) == .unavailable)
        #expect(finish(&job, 1) == .partDone)
        #expect(due(job) == [2, 3, 4, 5])
        #expect(job.parts[3].dueMilliseconds == 1000)
        for part in [2, 4, 5] { #expect(finish(&job, part) == .partDone) }
        #expect(due(job) == [3])
        #expect(finish(&job, 3) == .partDone)
        #expect(due(job) == [6])
        #expect(finish(&job, 6) == .partDone)
        #expect(due(job) == [7])
        #expect(finish(&job, 7) == .jobDone)
        #expect(job.phase == .done)
    }

    @Test func aVideoInOneGoNeedsNoHead() {
        var job = leased()
        #expect(rules.complete(&job, part: 0, attempt: 1, adding: [.whole, .assembly], now: 5) == .partDone)
        #expect(due(job) == [1])
        #expect(finish(&job, 1) == .partDone)
        #expect(finish(&job, 2) == .jobDone)
    }

    @Test func aLeaseExcludesOthersUntilItEnds() {
        var job = leased(ends: 1000)
        #expect(lease(&job, now: 999) == .unavailable)
        #expect(job == leased(ends: 1000))
        #expect(lease(&job, now: 1000) == .leased)
        #expect(job.parts[0].attempt == 2)
        #expect(job.parts[0].tries == 2)
    }

    @Test func theEarlierHolderIsRefused() {
        var job = leased()
        #expect(lease(&job, now: 1000) == .leased)
        let taken = job
        #expect(rules.heartbeat(&job, part: 0, attempt: 1, now: 1001, durationMilliseconds: 30) == .lost)
        #expect(rules.complete(&job, part: 0, attempt: 1, adding: [.assembly], now: 1001) == .lost)
        #expect(rules.fail(&job, part: 0, attempt: 1, now: 1001, final: true) == .lost)
        rules.release(&job, part: 0, attempt: 1, now: 1001)
        #expect(job == taken)
        #expect(rules.complete(&job, part: 0, attempt: 2, adding: [.assembly], now: 1001) == .partDone)
    }

    @Test func aHeartbeatMovesTheEndAndRevivesALeaseThatNobodyTook() {
        var job = leased(ends: 1000)
        #expect(rules.heartbeat(&job, part: 0, attempt: 1, now: 1500, durationMilliseconds: 30) == .extended)
        #expect(job.parts[0].leaseEndsMilliseconds == 1530)
        #expect(lease(&job, now: 1529) == .unavailable)
    }

    @Test func aFailureBacksOffAndTheLastOneSetsTheJobAside() {
        var job = leased()
        #expect(rules.fail(&job, part: 0, attempt: 1, now: 500, final: false) == .retryAt(600))
        #expect(lease(&job, now: 599) == .unavailable)
        #expect(lease(&job, now: 600) == .leased)
        #expect(rules.fail(&job, part: 0, attempt: 2, now: 700, final: false) == .retryAt(900))
        #expect(lease(&job, now: 900) == .leased)
        #expect(rules.fail(&job, part: 0, attempt: 3, now: 950, final: false) == .setAside)
        #expect(job.phase == .setAside)
        #expect(lease(&job, now: 99999) == .unavailable)
    }

    @Test func aPoisonedPartStopsAllOthersOfItsJob() {
        var job = planned()
        _ = finish(&job, 1)
        #expect(lease(&job, 3, now: 1000) == .leased)
        #expect(lease(&job, 4, now: 1000) == .leased)
        #expect(rules.fail(&job, part: 3, attempt: 1, now: 1001, final: true) == .setAside)
        #expect(rules.heartbeat(&job, part: 4, attempt: 1, now: 1002, durationMilliseconds: 30) == .lost)
        #expect(rules.complete(&job, part: 4, attempt: 1, now: 1002) == .lost)
        #expect(due(job) == [])
        #expect(job.parts[3].phase == .setAside)
    }

    @Test func silenceInTheLastTryExhaustsTheJob() {
        var job = leased(tries: 3)
        #expect(lease(&job, now: 1000) == .exhausted)
        #expect(job.phase == .setAside)
        #expect(rules.heartbeat(&job, part: 0, attempt: 3, now: 1001, durationMilliseconds: 30) == .lost)
    }

    @Test func aReleaseCountsNoTryButFencesItsHolder() {
        var job = leased(tries: 3)
        rules.release(&job, part: 0, attempt: 3, now: 700)
        #expect(job.parts[0].phase == .queued)
        #expect(job.parts[0].tries == 2)
        #expect(lease(&job, now: 700) == .leased)
        #expect(job.parts[0].attempt == 4)
        #expect(rules.heartbeat(&job, part: 0, attempt: 3, now: 701, durationMilliseconds: 30) == .lost)
    }

    @Test func aCancelledJobIsLostToAllWhoWorkOnIt() {
        var job = planned()
        #expect(lease(&job, 1, now: 1000) == .leased)
        #expect(rules.cancel(&job))
        #expect(job.phase == .cancelled)
        #expect(rules.heartbeat(&job, part: 1, attempt: 1, now: 1001, durationMilliseconds: 30) == .lost)
        #expect(rules.complete(&job, part: 1, attempt: 1, now: 1001) == .lost)
        #expect(lease(&job, 1, now: 99999) == .unavailable)
        #expect(!rules.cancel(&job))
    }

    @Test func aJobThatIsTakenUpAgainKeepsWhatIsDone() {
        var job = planned()
        _ = finish(&job, 1)
        #expect(!rules.restart(&job, now: 1000))
        #expect(lease(&job, 3, now: 1000) == .leased)
        #expect(rules.cancel(&job))
        #expect(rules.restart(&job, now: 2000))
        #expect(job.phase == .open)
        #expect(due(job) == [2, 3, 4, 5])
        #expect(rules.heartbeat(&job, part: 3, attempt: 1, now: 2001, durationMilliseconds: 30) == .lost)
        #expect(lease(&job, 3, now: 2001) == .leased)
        #expect(job.parts[3].attempt == 2)
        #expect(job.parts[3].tries == 1)
    }

    @Test func theBackOffDoublesUpToItsBound() {
        #expect((0...5).map { rules.backOffMilliseconds(tries: $0) } == [100, 100, 200, 350, 350, 350])
        #expect(JobRules(triesMax: 20).backOffMilliseconds(tries: 1000) == 300_000)
    }

    /// Every sequence of seven events on a job of two parts that do not wait for each other: no lease beyond the tries,
    /// no two holders, no way out of the end but a restart.
    @Test func noSequenceOfEventsBreaksTheInvariants() {
        func walk(_ job: JobState, now: Int64, depth: Int) {
            for part in job.parts {
                #expect(part.tries >= 0 && part.tries <= 3 && part.tries <= part.attempt)
                if job.phase != .open { #expect(part.phase != .leased && part.phase != .queued) }
            }
            guard depth > 0 else { return }
            for part in 0..<2 {
                for event in 0..<7 {
                    var next = job
                    let later = now + 400
                    let attempt = job.parts[part].attempt
                    switch event {
                    case 0: _ = rules.lease(&next, part: part, now: later, durationMilliseconds: 300)
                    case 1:
                        _ = rules.heartbeat(&next, part: part, attempt: attempt, now: later, durationMilliseconds: 500)
                    case 2: _ = rules.fail(&next, part: part, attempt: attempt, now: later, final: false)
                    case 3: rules.release(&next, part: part, attempt: attempt, now: later)
                    case 4: _ = rules.complete(&next, part: part, attempt: attempt, now: later)
                    case 5: _ = rules.cancel(&next)
                    default:
                        let result = rules.heartbeat(
                            &next, part: part, attempt: attempt - 1, now: later, durationMilliseconds: 500)
                        #expect(result == .lost && next == job)
                    }
                    if job.phase != .open { #expect(next == job) }
                    #expect(next.parts[part].attempt >= attempt)
                    if next != job { walk(next, now: later, depth: depth - 1) }
                }
            }
        }
        let parts = (0..<2).map { PartState(number: $0, kind: .chunk, phase: .queued) }
        walk(JobState(phase: .open, parts: parts), now: 0, depth: 7)
    }
}
