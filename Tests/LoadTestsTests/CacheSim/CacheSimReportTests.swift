// SPDX-License-Identifier: Apache-2.0

import Cache
import Foundation
import FoundationXML
import Testing

@testable import LoadTests

@Suite struct CacheSimReportTests {
    private let report: CacheSimReport = {
        var report = CacheSimReport(command: "loadtest", policies: [.sieve, .s3fifo, .lru])
        let trace = TraceGenerator(seed: 1, requests: 2000, objects: 200).make(.zipf)
        var replay = CacheReplay(policies: report.policies, sizes: [.percent(5), .bytes(64 << 20)])
        replay.diskFraction = 0.5
        report.traces.append(replay.run(trace))
        return report
    }()

    @Test func theTableHasARowForEachSizeTheWholeAndTheMean() {
        let rows = report.ratioTable.rows
        #expect(rows.map { $0[1] } == ["5 %", "64MiB", "all", "without all"])
        #expect(rows.allSatisfy { $0.count == 9 })
        #expect(report.diskTable?.rows.count == 2)
        #expect(report.plain.contains("Highest mean byte hit ratio: "))
    }

    @Test func theHighestMeanWins() {
        var report = CacheSimReport(command: "", policies: [.sieve, .s3fifo, .lru])
        func size(_ sieve: Int, _ s3fifo: Int, _ lru: Int) -> CacheSimReport.SizeResult {
            func count(_ hitBytes: Int) -> HitCount { HitCount(requests: 1, hits: 1, bytes: 100, hitBytes: hitBytes) }
            return .init(
                size: "1 %", bytes: 1, counts: ["sieve": count(sieve), "s3fifo": count(s3fifo), "lru": count(lru)])
        }
        #expect(report.mean(.lru, \.byteHitRatio) == nil)
        report.traces = [
            .init(
                name: "t", requests: 1, objects: 1, footprintBytes: 1, unlimited: HitCount(),
                sizes: [size(50, 60, 10), size(60, 40, 95)])
        ]
        #expect(report.mean(.sieve, \.byteHitRatio) == 0.55)
        #expect(report.winner == .sieve)
    }

    @Test func theChartIsXMLWithALineForEachPolicy() {
        final class Counter: NSObject, XMLParserDelegate {
            var lines: [String] = []
            func parser(
                _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
                attributes: [String: String]
            ) {
                if name == "polyline" { lines.append(attributes["class"] ?? "") }
            }
        }
        let counter = Counter()
        let parser = XMLParser(data: Data(PolicyChart(report: report).svg().utf8))
        parser.delegate = counter
        #expect(parser.parse())
        #expect(counter.lines == ["series sieve", "series s3fifo", "series lru"])
    }

    @Test(arguments: [
        ("5%", CacheSize.percent(5), 50), ("0.5%", .percent(0.5), 5), ("64KiB", .bytes(65536), 65536),
        ("0.0001%", .percent(0.0001), 1),
    ])
    func sizesAreRead(text: String, size: CacheSize, bytes: Int) {
        #expect(CacheSize(text) == size)
        #expect(size.bytes(footprintBytes: 1000) == bytes)
    }

    @Test(arguments: ["", "%", "0%", "101%", "-1%", "nan%", "0", "-5", "5MB"])
    func otherSizesAreRefused(text: String) {
        #expect(CacheSize(text) == nil)
    }
}
