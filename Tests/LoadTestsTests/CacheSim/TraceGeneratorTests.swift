// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LoadTests

@Suite struct TraceGeneratorTests {
    private func make(_ kind: TraceKind, seed: UInt64 = 7, requests: Int = 20_000, objects: Int = 2000) -> Trace {
        TraceGenerator(seed: seed, requests: requests, objects: objects).make(kind)
    }

    @Test(arguments: TraceKind.allCases) func theSeedDecidesAll(kind: TraceKind) {
        let trace = make(kind)
        let again = make(kind)
        #expect(trace.requests == again.requests)
        #expect(trace.objectBytes == again.objectBytes)
        #expect(trace.requests != make(kind, seed: 8).requests)
    }

    /// So that the figures of docs/cache.md can be made again.
    @Test func theRandomNumbersAreThoseOfTheReference() {
        var random = SeededGenerator(seed: 1_234_567)
        #expect(
            (0..<3).map { _ in random.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ])
    }

    @Test(arguments: TraceKind.allCases, [(1, 1), (3, 1), (1, 50), (1000, 100)])
    func anyNumbersWillDo(kind: TraceKind, numbers: (requests: Int, objects: Int)) {
        let trace = make(kind, requests: numbers.requests, objects: numbers.objects)
        #expect(trace.requests.count == numbers.requests)
        #expect(trace.requests.allSatisfy { trace.objectBytes.indices.contains($0.object) })
        #expect(zip(trace.requests, trace.requests.dropFirst()).allSatisfy { $0.milliseconds <= $1.milliseconds })
        #expect(trace.objectBytes.allSatisfy { $0 > 0 })
    }

    @Test func zipfsRanksHaveTheirShares() {
        let zipf = ZipfDistribution(count: 3, skew: 1)
        var random = SeededGenerator(seed: 1)
        var counts = [0, 0, 0]
        for _ in 0..<110_000 { counts[zipf.rank(&random)] += 1 }
        // 6/11, 3/11 and 2/11.
        for (count, share) in zip(counts, [60_000, 30_000, 20_000]) { #expect(abs(count - share) < 1000) }
    }

    @Test func popularityDrifts() {
        let trace = make(.drift, requests: 100_000)
        func popular(_ requests: ArraySlice<Trace.Request>) -> Set<Int> {
            let counts = Dictionary(requests.map { ($0.object, 1) }, uniquingKeysWith: +)
            return Set(counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(20).map(\.key))
        }
        let early = popular(trace.requests.prefix(20_000))
        #expect(early.intersection(popular(trace.requests.suffix(20_000))).count < 10)
        let still = make(.zipf, requests: 100_000)
        let first = popular(still.requests.prefix(20_000))
        #expect(first.intersection(popular(still.requests.suffix(20_000))).count > 10)
    }

    @Test func aScanAsksOnceForEachColdObject() {
        let trace = make(.scan)
        let scanned = trace.requests.map(\.object).filter { $0 >= 2000 }
        #expect(scanned == Array(2000..<4000))
    }

    @Test func aFewObjectsTakeMostRequestsAndFade() {
        let trace = make(.viral)
        func share(_ range: Range<Int>) -> Double {
            Double(trace.requests[range].lazy.filter { $0.object >= 2000 }.count) / Double(range.count)
        }
        #expect(share(4000..<4200) > 0.5)
        #expect(share(5800..<6000) < 0.1)
    }

    @Test func viewersTakeSegmentsInOrderAndFewSeeTheEnd() {
        // One video, so that its viewers can be told from the objects: the first one is the multivariant playlist.
        let trace = make(.video, requests: 50_000, objects: 1)
        let counts = Dictionary(trace.requests.map { ($0.object, 1) }, uniquingKeysWith: +)
        let perRung = (trace.objectBytes.count - 1) / 4
        let rung = 1 + 3 * perRung
        let first = counts[rung + 2, default: 0]
        let fourth = counts[rung + 5, default: 0]
        #expect(first > fourth, "some have left")
        #expect(counts[rung, default: 0] >= first, "the playlist comes before the segments")
    }
}
