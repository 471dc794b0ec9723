// SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationXML
import Testing

@testable import LoadTests

@Suite struct ReportTests {
    /// The edge at 3 us, h2o at 2.5, nginx at 20 for a 2 KB hit in three rounds; Varnish is not there.
    private let report: BenchReport = {
        func samples(_ microseconds: [Double]) -> [Sample] {
            microseconds.map { Sample(requests: 1000, cpuSeconds: $0 / 1000, wallSeconds: 0.5) }
        }
        func note(_ name: String, missing: String? = nil) -> BenchReport.ServerNote {
            .init(name: name, role: "role & <more>", version: "1.0", missing: missing)
        }
        var report = BenchReport(
            machine: Machine(
                processor: "A <B> & C", cores: 2, kernel: "6.1", openSSL: "OpenSSL 3.0", loadAverage: "0.10"),
            date: "2026-01-01 00:00 UTC", command: "loadtest compare",
            servers: [
                note("Spillway edge"), note("h2o"), note("nginx"), note("Varnish + hitch", missing: "not installed"),
            ],
            method: .init(
                rounds: 3, cpuSeconds: 1, processes: 8, connectionsPerProcess: 4, serverCores: "0", clientCores: "1"))
        report.hits = [
            WorkloadResult(
                workload: Workload.all[0],
                samples: [
                    "Spillway edge": samples([3, 6, 3]), "h2o": samples([2.5, 5, 2.5]), "nginx": samples([20, 40, 15]),
                ])
        ]
        return report
    }()

    @Test func theTableTellsRatiosAndBars() {
        let rows = report.hitTable.rows
        #expect(rows.count == 4)
        #expect(rows[0] == ["2 KB, HTTP/2", "Spillway edge", "3.00", "1.46", "2000", "", ""])
        #expect(Array(rows[1][5...]) == ["1.20 (1.20-1.20)", "\u{2264} 1.00 missed"])
        #expect(Array(rows[2][5...]) == ["0.15 (0.15-0.20)", "\u{2264} 0.25 reached"])
        #expect(rows[3][2] == "missing")
        #expect(report.barTable.rows.map { $0[3] } == ["\u{2264} 1.00 missed", "\u{2264} 0.25 reached"])
    }

    @Test func aRatioOnTheBarReachesIt() {
        #expect(barVerdict(0.95, atMost: 0.95).hasSuffix("reached"))
        #expect(barVerdict(0.951, atMost: 0.95).hasSuffix("missed"))
    }

    @Test func columnsAreAligned() {
        let table = Table(["a", "b"], wordColumns: 1)
        var filled = table
        filled.rows = [["long", "1"], ["x", "234"]]
        #expect(filled.plain == "a       b\nlong    1\nx     234")
        #expect(filled.markdown == "| a | b |\n| --- | --: |\n| long | 1 |\n| x | 234 |")
    }

    @Test(arguments: [(57.6, 60.0, 20.0), (4.4, 5, 1), (1.0, 1, 0.2), (3854, 4000, 1000), (0.26, 0.3, 0.1)])
    func anAxisHasRoundSteps(most: Double, end: Double, step: Double) {
        let axis = Axis(most: most)
        #expect(abs(axis.end - end) < end / 1000)
        #expect(abs(axis.ticks[1] - step) < step / 1000)
        #expect(axis.end >= most)
        #expect((2...7).contains(axis.ticks.count))
    }

    @Test func theChartIsWellFormedAndSaysWhatTheTableSays() throws {
        let reader = TextReader()
        let parser = XMLParser(data: Data(BarChart(report: report).svg().utf8))
        parser.delegate = reader
        #expect(parser.parse())
        #expect(reader.texts.contains("2 KB, HTTP/2"))
        #expect(reader.texts.contains("20.0 (6.7\u{D7})"))
        #expect(reader.texts.contains("missing"))
        #expect(reader.texts.contains { $0.contains("A <B> & C") })
        // Three bars and the ground.
        #expect(reader.rectangles == 4)
    }

    @Test func theDocumentNamesWhatIsMissing() {
        let text = BenchDocument(report: report).markdown
        #expect(text.contains("missing: not installed"))
        #expect(text.contains("![Processor time"))
        #expect(!text.contains("## Idle connections"))
    }

    private final class TextReader: NSObject, XMLParserDelegate {
        var texts: [String] = []
        var rectangles = 0
        private var current: String?

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            if name == "rect" { rectangles += 1 }
            current = name == "text" ? "" : nil
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) { current? += string }

        func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
            if let current { texts.append(current) }
            current = nil
        }
    }
}
