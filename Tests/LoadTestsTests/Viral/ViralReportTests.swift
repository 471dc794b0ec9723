// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LoadTests

@Suite struct ViralReportTests {
    private var settings: ViralSettings {
        var settings = ViralSettings()
        settings.clients = 100
        return settings
    }

    private func outcome(firstByte: Int64, isRight: Bool = true, failure: String? = nil) -> ClientOutcome {
        ClientOutcome(
            status: failure == nil ? 200 : 0, firstByteMicroseconds: firstByte, lastByteMicroseconds: firstByte + 1000,
            isRight: isRight, failure: failure)
    }

    private func report(
        _ outcomes: [ClientOutcome], origin: Int = 1, shield: Int = 3, warmOrigin: Int = 0
    ) -> ViralReport {
        var report = ViralReport(settings: settings, originFirstByte: 200_000)
        let warm = Array(repeating: outcome(firstByte: 50_000), count: 100)
        for (outcomes, origin) in [(outcomes, origin), (warm, warmOrigin)] {
            report.add(
                CrowdRound(outcomes: outcomes, askedMicroseconds: 1, microseconds: 2),
                tally: ViralTally(originRequests: origin, shieldRequests: shield))
        }
        return report
    }

    private func missed(_ report: ViralReport) -> [String] { report.bars.filter { !$0.isMet }.map(\.name) }

    @Test func theP99IsJudgedByTheOriginAndTheQueueing() {
        // 450 ms is allowed: 2 x 200 + 50. One client in a hundred may be later.
        var outcomes = Array(repeating: outcome(firstByte: 450_000), count: 99) + [outcome(firstByte: 9_000_000)]
        #expect(report(outcomes).isGood)
        outcomes[0] = outcome(firstByte: 451_000)
        #expect(missed(report(outcomes)) == ["first byte p99, cold, ms"])
    }

    @Test func oneRequestTooManyIsMissed() {
        let outcomes = Array(repeating: outcome(firstByte: 1000), count: 100)
        #expect(missed(report(outcomes, origin: 2)) == ["origin GETs, cold"])
        #expect(missed(report(outcomes, shield: 4)) == ["shield requests, cold"])
        #expect(missed(report(outcomes, warmOrigin: 1)) == ["origin GETs, warm"])
    }

    @Test func everyClientCounts() {
        var outcomes = Array(repeating: outcome(firstByte: 1000), count: 100)
        outcomes[7] = outcome(firstByte: 1000, isRight: false)
        outcomes[8] = outcome(firstByte: 1000, isRight: false, failure: "connection closed")
        let report = report(outcomes)
        #expect(missed(report) == ["right bodies, cold"])
        #expect(report.cold?.failures == ["wrong body": 1, "connection closed": 1])
        #expect(report.text.contains("cold: failed: 1 x wrong body"))
    }

    @Test func aRoundThatIsMissingIsMissed() {
        #expect(!ViralReport(settings: settings, originFirstByte: 1).isGood)
    }

    @Test func percentilesAreNearestRanks() {
        let times = ViralPercentiles((1...1000).map { Int64($0) })
        #expect(times.p50 == 500 && times.p99 == 990 && times.most == 1000)
        #expect(ViralPercentiles([5]) == ViralPercentiles([5, 5]))
        #expect(ViralPercentiles([]).p99 == 0)
    }
}
