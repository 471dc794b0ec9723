// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Backends

/// Which part goes first, case by case.
@Suite struct JobOrderTests {
    private let minute: Int64 = 60_000
    private let hour: Int64 = 3_600_000

    private func part(_ job: Int64, _ kind: PartKind = .chunk, due: Int64 = 0, seconds: Double = 60) -> PartCandidate {
        PartCandidate(jobID: job, number: 0, kind: kind, dueMilliseconds: due, videoSeconds: seconds)
    }

    private func first(_ candidates: PartCandidate...) -> Int64? { JobOrder.first(candidates)?.jobID }

    @Test func nothingIsFirstOfNothing() {
        #expect(JobOrder.first([]) == nil)
    }

    @Test func theOldestOfEqualsIsFirst() {
        #expect(first(part(1, due: 10), part(2, due: 9)) == 2)
        #expect(first(part(2, due: 10), part(1, due: 10)) == 1)
    }

    @Test func aHeadGoesBeforeAChunkThatHasWaitedForHours() {
        #expect(first(part(1, due: 0), part(2, .head, due: 3 * hour)) == 2)
        #expect(first(part(1, due: 0), part(2, .plan, due: 3 * hour)) == 2)
        #expect(first(part(1, due: 0), part(2, .assembly, due: 3 * hour)) == 2)
    }

    @Test func nobodyStarves() {
        // Whatever speaks against the one and for the other: after seven hours of waiting it is first.
        var late = part(2, .head, due: 7 * hour, seconds: 1)
        late.views = .max
        var early = part(1, .chunk, due: 0, seconds: 86_400)
        early.servedMilliseconds = .max
        #expect(first(early, late) == 1)
    }

    @Test func shortGoesBeforeLong() {
        #expect(first(part(1, due: 0, seconds: 3600), part(2, due: minute, seconds: 60)) == 2)
        #expect(first(part(1, due: 0, seconds: 3600), part(2, due: 20 * minute, seconds: 60)) == 1)
    }

    @Test func popularGoesBeforeUnpopular() {
        var popular = part(2, due: minute)
        popular.views = 1000
        #expect(first(part(1, due: 0), popular) == 2)
        popular.dueMilliseconds = 11 * minute
        #expect(first(part(1, due: 0), popular) == 1)
    }

    /// Two owners, one of them with a hundred videos from before: by turns from the first on.
    @Test func ownersShareTheWorkersEvenly() {
        var served: [Int64: Int64] = [1: 0, 2: 0]
        var waiting: [(owner: Int64, due: Int64)] =
            (0..<100).map { (1, Int64($0)) } + (0..<5).map { (2, 500 + Int64($0)) }
        var turns: [Int64] = []
        for _ in 0..<10 {
            let candidates = waiting.enumerated().map { index, job in
                var candidate = part(Int64(index), due: job.due)
                candidate.servedMilliseconds = served[job.owner] ?? 0
                return candidate
            }
            guard let next = JobOrder.first(candidates) else { break }
            let job = waiting.remove(at: Int(next.jobID))
            served[job.owner, default: 0] += minute
            turns.append(job.owner)
        }
        #expect(turns == [1, 2, 1, 2, 1, 2, 1, 2, 1, 2])
    }
}
