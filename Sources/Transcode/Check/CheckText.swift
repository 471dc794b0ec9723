// SPDX-License-Identifier: Apache-2.0

import HLS

/// A report for people.
enum CheckText {
    static func text(_ report: CheckReport) -> String {
        var out = ""
        for finding in report.findings {
            out +=
                "\(finding.severity.rawValue.uppercased()) [\(finding.rule.rawValue)] \(finding.place): \(finding.sentence)\n"
        }
        if !report.findings.isEmpty { out += "\n" }
        out += table(report.renditions)
        out += "\nMUST broken: \(report.count(.must)), SHOULD broken: \(report.count(.should)), "
        return out + "notes: \(report.count(.note))"
    }

    private static let heads = [
        "rendition", "kind", "BANDWIDTH", "measured", "AVERAGE", "measured", "CODECS", "size", "fps", "segments",
        "seconds",
    ]

    /// A row for each rendition, in columns.
    private static func table(_ renditions: [RenditionSummary]) -> String {
        let rows = [heads] + renditions.map(row)
        let widths = heads.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (cell, width) in zip(row, widths) {
                line += cell + String(repeating: " ", count: width - cell.count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    private static func row(_ rendition: RenditionSummary) -> [String] {
        func number(_ value: Int?) -> String { value.map(String.init) ?? "-" }
        return [
            rendition.place, rendition.kind, number(rendition.declaredBandwidth), number(rendition.measuredBandwidth),
            number(rendition.declaredAverageBandwidth), number(rendition.measuredAverageBandwidth),
            rendition.codecs.isEmpty ? "-" : rendition.codecs.joined(separator: ","),
            rendition.resolution.map(\.description) ?? "-", rendition.framesPerSecond.map { thousandths($0) } ?? "-",
            String(rendition.segments), thousandths(rendition.seconds),
        ]
    }

    private static func thousandths(_ value: Double) -> String {
        String((min(value, 1e12) * 1000).rounded() / 1000)
    }

    /// The rules as a table of Markdown.
    static func rules() -> String {
        let rows = CheckRule.allCases.map { rule in
            "| \(rule.rawValue) | \(rule.severity.rawValue.uppercased()) | \(rule.summary) |\n"
        }
        return "| rule | | what is checked |\n| --- | --- | --- |\n" + rows.joined()
    }
}
