// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LoadTests

@Suite struct DiskTierTests {
    private func metrics(reads: Int, bytes: Int, hits: Int, upstream: Int) -> MetricsText {
        MetricsText(
            """
            # HELP spillway_cache_disk_reads_total Reads by the reading threads.
            # TYPE spillway_cache_disk_reads_total counter
            spillway_cache_disk_reads_total \(reads)
            spillway_cache_disk_read_bytes_total \(bytes)
            spillway_cache_hits_total \(hits)
            spillway_upstream_up{server="127.0.0.1:8500"} 1
            spillway_upstream_requests_total \(upstream)
            spillway_cache_disk_objects 96
            """)
    }

    @Test func metricsAreReadByName() throws {
        let text = metrics(reads: 7, bytes: 8, hits: 9, upstream: 10)
        #expect(try text.value("spillway_cache_disk_reads_total") == 7)
        #expect(throws: BenchError.self) { try text.value("spillway_upstream_up") }
        #expect(throws: BenchError.self) { try text.value("spillway_cache") }
        let counts = try DiskCounts(text)
        #expect(counts.bytesRead == 8)
        #expect(counts.memoryHits == 9)
        #expect(counts.upstreamRequests == 10)
        #expect(counts.objects == 96)
    }

    @Test func responsesFromElsewhereAreAFault() throws {
        let body = DiskObjects.bodyBytes
        let before = try DiskCounts(metrics(reads: 5, bytes: 100, hits: 40, upstream: 3))
        func fault(bytes: Int, hits: Int, upstream: Int = 3, _ source: DiskEdge.Source) throws -> String? {
            try DiskCounts(metrics(reads: 9, bytes: bytes, hits: hits, upstream: upstream))
                .fault(since: before, responses: 4, from: source)
        }
        #expect(try fault(bytes: 100 + 4 * body, hits: 40, .disk) == nil)
        #expect(try fault(bytes: 100 + 3 * body, hits: 40, .disk) != nil)
        #expect(try fault(bytes: 100 + 4 * body, hits: 41, .disk) != nil)
        #expect(try fault(bytes: 100 + 4 * body, hits: 40, upstream: 4, .disk) != nil)
        #expect(try fault(bytes: 100, hits: 44, .memory) == nil)
        #expect(try fault(bytes: 101, hits: 44, .memory) != nil)
        #expect(try fault(bytes: 100, hits: 43, .memory) != nil)
        #expect(try fault(bytes: 100, hits: 44, upstream: 4, .memory) != nil)
    }

    @Test func quantilesAreValuesOfTheSeries() {
        let delays = Delays((1...1000).reversed())
        #expect(delays.quantile(0.5) == 500)
        #expect(delays.quantile(0.99) == 990)
        #expect(delays.quantile(0.999) == 999)
        #expect(delays.quantile(1) == 1000)
        #expect(delays.quantile(0) == 1)
        #expect(delays.largest == 1000)
        #expect(delays.count(above: 990) == 10)
        #expect(Delays([]).quantile(0.5) == 0)
    }

    @Test func theDiskAnswersForWhatItAddsToTheSameLoadFromMemory() {
        var result = DiskDelay.Result()
        // One probe in ten is late either way; the rounds count together.
        result.delays[.memory] = [[100, 100, 100, 100, 9000], [100, 100, 100, 100, 100]]
        result.delays[.disk] = [[100, 100, 100, 100, 100], [100, 100, 100, 100, 9400]]
        #expect(result.addedMicroseconds == 400)
        let machine = Machine(processor: "", cores: 2, kernel: "", openSSL: "", loadAverage: "")
        var report = DiskReport(machine: machine, delay: result)
        #expect(report.verdicts.map(\.outcome) == [.reached])
        result.delays[.disk] = [[100, 14_100]]
        report.delay = result
        #expect(report.verdicts.map(\.outcome) == [.missed])
        // Nothing is said of the edge on a machine that is late by itself.
        result.delays[.none] = [[100, 2600]]
        report.delay = result
        #expect(report.verdicts.map(\.outcome) == [.unclear])
    }

    @Test func theRatioIsOfTheSameRound() {
        var cost = DiskCost.Result()
        func samples(_ seconds: [Double]) -> [Sample] {
            seconds.map { Sample(requests: 1000, cpuSeconds: $0, wallSeconds: 1) }
        }
        cost.samples = [.memory: samples([1, 2, 1]), .disk: samples([1.2, 2.4, 1.4])]
        let machine = Machine(processor: "", cores: 2, kernel: "", openSSL: "", loadAverage: "")
        #expect(DiskReport(machine: machine, cost: cost).verdicts.map(\.outcome) == [.reached])
        cost.samples[.disk] = samples([1.2, 2.8, 1.4])
        #expect(DiskReport(machine: machine, cost: cost).verdicts.map(\.outcome) == [.missed])
    }

    @Test func eachProcessHasObjectsOfItsOwn() {
        let objects = DiskObjects(processes: 3, perProcess: 5)
        #expect(Set(objects.allPaths).count == 15)
        #expect(objects.paths(of: 2).count == 5)
        let small = DiskObjects(processes: 1, perProcess: 3).bodies()
        #expect(Set(small.values).count == 4)
        #expect(small.values.count { $0.count == DiskObjects.bodyBytes } == 3)
    }
}
