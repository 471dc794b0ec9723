// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Backends

/// What the tests of several suites do with a queue.
extension SQLiteJobQueue {
    func leaseNext(_ worker: String = "w") async throws -> JobLease {
        try #require(try await lease(worker: worker, durationMilliseconds: 1000))
    }

    /// Completes the plan of the job that is next; `kinds` are its further parts.
    func planNext(_ kinds: [PartKind] = [.whole, .assembly], seconds: Double = 60) async throws {
        let lease = try await leaseNext()
        #expect(lease.kind == .plan)
        let parts = kinds.map { PartSpec(kind: $0, work: "work of \($0)", weight: $0 == .assembly ? 0 : 10) }
        let outcome = PartOutcome(plan: "the plan", parts: parts, videoSeconds: seconds)
        #expect(try await complete(lease, outcome: outcome) == .partDone)
    }

    /// Brings the job that is next to its end.
    func finishNext(_ result: TranscodeResult) async throws {
        try await planNext([.assembly])
        let lease = try await leaseNext()
        #expect(lease.kind == .assembly)
        #expect(try await complete(lease, outcome: PartOutcome(result: result)) == .jobDone)
    }
}
