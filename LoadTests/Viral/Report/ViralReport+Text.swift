// SPDX-License-Identifier: Apache-2.0

extension ViralReport {
    /// Tables for the terminal.
    var text: String {
        var lines = [
            "\(clients) clients, a connection and a token each, at \(edges) edges behind 1 shield; \(bytes) bytes.",
            "Each round has new connections, opened before; its requests are spread over \(spreadMilliseconds) ms.",
            "The origin answers after \(delayMilliseconds) ms; its own first byte, measured: "
                + "\(milliseconds(originFirstByte)) ms.",
        ]
        for opening in openings {
            lines.append(
                "Opening took \(decimal(Double(opening.microseconds) / 1e6, 1)) s, and "
                    + "\(decimal(opening.edgeCPUSeconds, 1)) s of the edges' processor time; "
                    + "they hold \(opening.edgeMemory.resident >> 20) MiB then.")
        }
        lines.append("")
        let rounds = [("cold", cold), ("warm", warm)].compactMap { name, round in round.map { (name, $0) } }
        var figures = Table([""] + rounds.map(\.0))
        figures.rows = rows(rounds.map(\.1))
        lines.append(figures.plain)
        for (name, round) in rounds {
            for (reason, count) in round.failures.sorted(by: { $0.key < $1.key }) {
                lines.append("\(name): failed: \(count) x \(reason)")
            }
        }
        var verdicts = Table(["", "is", "wanted", "verdict"])
        verdicts.rows = bars.map { [$0.name, "\($0.value)", $0.wanted, $0.isMet ? "ok" : "MISSED"] }
        lines += ["", verdicts.plain]
        if let warm {
            lines.append(
                "The last bar is 2 x the origin's first byte (\(milliseconds(originFirstByte)) ms) + the machine's "
                    + "queueing (\(milliseconds(warm.firstByte.p99)) ms, the warm p99).")
        }
        return lines.joined(separator: "\n")
    }

    private func rows(_ rounds: [ViralRound]) -> [[String]] {
        func row(_ name: String, _ value: (ViralRound) -> String) -> [String] { [name] + rounds.map(value) }
        return [
            row("right bodies") { "\($0.right)" },
            row("origin GETs") { "\($0.tally.originRequests)" },
            row("shield requests") { "\($0.tally.shieldRequests)" },
            row("edges: waited for a fill") { "\($0.tally.collapsed)" },
            row("edges: hits") { "\($0.tally.hits)" },
            row("asked within, ms") { milliseconds($0.askedMicroseconds) },
            row("first byte p50, ms") { milliseconds($0.firstByte.p50) },
            row("first byte p99, ms") { milliseconds($0.firstByte.p99) },
            row("first byte max, ms") { milliseconds($0.firstByte.most) },
            row("last byte p50, ms") { milliseconds($0.lastByte.p50) },
            row("last byte p99, ms") { milliseconds($0.lastByte.p99) },
            row("last byte max, ms") { milliseconds($0.lastByte.most) },
            row("whole round, s") { decimal(Double($0.microseconds) / 1e6, 1) },
            row("edges' processor time, s") { decimal($0.tally.edgeCPUSeconds, 1) },
        ]
    }

    private func milliseconds(_ microseconds: Int64) -> String { decimal(Double(microseconds) / 1000, 1) }
}
