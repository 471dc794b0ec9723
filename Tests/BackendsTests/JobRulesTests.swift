// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Backends

/// The lease rules, event by event, without a database or a clock.
@Suite struct JobRulesTests {
    let rules = JobRules(triesMax: 3, retryMilliseconds: 100, retryMillisecondsMax: 350)

    func leased(tries: Int = 1, ends: Int64 = 1000) -> JobState {
        JobState(phase: .leased, attempt: tries, tries: tries, dueMilliseconds: 0, leaseEndsMilliseconds: ends)
    }

    @Test func aNewJobIsLeasedAtOnce() {
        var job = JobState(nowMilliseconds: 50)
        #expect(rules.lease(&job, now: 50, durationMilliseconds: 30) == .leased)
        #expect(
            job
                == JobState(
                    phase: .leased, attempt: 1, tries: 1, dueMilliseconds: 50, leaseEndsMilliseconds: 80))
    }

    @Test func aLeaseExcludesOthersUntilItEnds() {
        var job = leased(ends: 1000)
        #expect(rules.lease(&job, now: 999, durationMilliseconds: 30) == .unavailable)
        #expect(job == leased(ends: 1000))
        #expect(rules.lease(&job, now: 1000, durationMilliseconds: 30) == .leased)
        #expect(job.attempt == 2)
        #expect(job.tries == 2)
    }

    @Test func theEarlierHolderIsRefused() {
        var job = leased()
        #expect(rules.lease(&job, now: 1000, durationMilliseconds: 30) == .leased)
        let taken = job
        #expect(rules.heartbeat(&job, attempt: 1, now: 1001, durationMilliseconds: 30) == .lost)
        #expect(!rules.complete(&job, attempt: 1))
        #expect(rules.fail(&job, attempt: 1, now: 1001, final: true) == .lost)
        rules.release(&job, attempt: 1, now: 1001)
        #expect(job == taken)
        #expect(rules.complete(&job, attempt: 2))
        #expect(job.phase == .done)
    }

    @Test func aHeartbeatMovesTheEndAndRevivesALeaseThatNobodyTook() {
        var job = leased(ends: 1000)
        #expect(rules.heartbeat(&job, attempt: 1, now: 1500, durationMilliseconds: 30) == .extended)
        #expect(job.leaseEndsMilliseconds == 1530)
        #expect(rules.lease(&job, now: 1529, durationMilliseconds: 30) == .unavailable)
    }

    @Test func aFailureBacksOffAndTheLastOneSetsAside() {
        var job = leased()
        #expect(rules.fail(&job, attempt: 1, now: 500, final: false) == .retryAt(600))
        #expect(rules.lease(&job, now: 599, durationMilliseconds: 30) == .unavailable)
        #expect(rules.lease(&job, now: 600, durationMilliseconds: 30) == .leased)
        #expect(rules.fail(&job, attempt: 2, now: 700, final: false) == .retryAt(900))
        #expect(rules.lease(&job, now: 900, durationMilliseconds: 30) == .leased)
        #expect(rules.fail(&job, attempt: 3, now: 950, final: false) == .setAside)
        #expect(rules.lease(&job, now: 99999, durationMilliseconds: 30) == .unavailable)
    }

    @Test func aFinalFailureSetsAsideAtOnce() {
        var job = leased()
        #expect(rules.fail(&job, attempt: 1, now: 500, final: true) == .setAside)
        #expect(job.phase == .setAside)
    }

    @Test func silenceInTheLastTryExhaustsTheJob() {
        var job = leased(tries: 3)
        #expect(rules.lease(&job, now: 1000, durationMilliseconds: 30) == .exhausted)
        #expect(job.phase == .setAside)
        #expect(rules.heartbeat(&job, attempt: 3, now: 1001, durationMilliseconds: 30) == .lost)
    }

    @Test func aReleaseCountsNoTryButFencesItsHolder() {
        var job = leased(tries: 3)
        rules.release(&job, attempt: 3, now: 700)
        #expect(job.phase == .queued)
        #expect(job.tries == 2)
        #expect(rules.lease(&job, now: 700, durationMilliseconds: 30) == .leased)
        #expect(job.attempt == 4)
        #expect(rules.heartbeat(&job, attempt: 3, now: 701, durationMilliseconds: 30) == .lost)
    }

    @Test func theBackOffDoublesUpToItsBound() {
        #expect((0...5).map { rules.backOffMilliseconds(tries: $0) } == [100, 100, 200, 350, 350, 350])
        #expect(JobRules(triesMax: 20).backOffMilliseconds(tries: 1000) == 300_000)
    }

    /// Every sequence of eight events: no lease beyond the tries, no two holders, no way out of the end.
    @Test func noSequenceOfEventsBreaksTheInvariants() {
        func walk(_ job: JobState, now: Int64, depth: Int) {
            #expect(job.tries >= 0 && job.tries <= 3 && job.tries <= job.attempt)
            guard depth > 0 else { return }
            for event in 0..<6 {
                var next = job
                let later = now + 400
                switch event {
                case 0: _ = rules.lease(&next, now: later, durationMilliseconds: 300)
                case 1: _ = rules.heartbeat(&next, attempt: job.attempt, now: later, durationMilliseconds: 500)
                case 2: _ = rules.fail(&next, attempt: job.attempt, now: later, final: false)
                case 3: rules.release(&next, attempt: job.attempt, now: later)
                case 4: _ = rules.complete(&next, attempt: job.attempt)
                default: _ = rules.heartbeat(&next, attempt: job.attempt - 1, now: later, durationMilliseconds: 500)
                }
                if job.phase == .done || job.phase == .setAside { #expect(next == job) }
                if event == 5 { #expect(next == job) }
                #expect(next.attempt >= job.attempt)
                if next != job { walk(next, now: later, depth: depth - 1) }
            }
        }
        walk(JobState(nowMilliseconds: 0), now: 0, depth: 8)
    }
}
