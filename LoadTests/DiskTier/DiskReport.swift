// SPDX-License-Identifier: Apache-2.0

/// What `loadtest disk` found out.
struct DiskReport {
    let machine: Machine
    var cost: DiskCost.Result?
    var delay: DiskDelay.Result?

    var costTable: Table {
        var table = Table(["1.5 MB, HTTP/2, TLS", "CPU \u{B5}s/response (range)", "responses/s"])
        guard let cost else { return table }
        for source in DiskEdge.Source.allCases {
            let rates = Spread((cost.samples[source] ?? []).map(\.requestsPerSecond))
            guard let spread = Spread(cost.microseconds(source)), let rates else { continue }
            let range = "\(decimal(spread.median, 0)) (\(decimal(spread.least, 0))-\(decimal(spread.most, 0)))"
            let title = source == .memory ? "from memory" : "from the warm disk tier"
            table.rows.append([title, range, decimal(rates.median, 0)])
        }
        return table
    }

    var delayTable: Table {
        var table = Table([
            "while the worker does", "probes", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "above 5 ms",
        ])
        guard let delay else { return table }
        for load in DiskDelay.Load.allCases {
            let delays = delay.all(load)
            let cells = [0.5, 0.99, 0.999].map { Self.milliseconds(delays.quantile($0)) }
            table.rows.append(
                [load.title, String(delays.count)] + cells + [
                    Self.milliseconds(delays.largest), String(delays.count(above: DiskDelay.addedMicrosecondsMax)),
                ])
        }
        return table
    }

    /// What came of a bar.
    enum Outcome: String {
        case reached, missed
        /// The machine alone delayed a small hit by more than half of what the bar allows.
        case unclear = "unclear, the machine is too busy"
    }

    /// One line for each bar, with its figure, and what came of it.
    var verdicts: [(text: String, outcome: Outcome)] {
        var verdicts: [(String, Outcome)] = []
        if let ratio = cost?.ratio {
            let bar = decimal(DiskCost.ratioMax, 2)
            verdicts.append(
                (
                    "CPU disk/memory, median of the rounds: \(ratio.text), at most \(bar)",
                    ratio.median <= DiskCost.ratioMax ? .reached : .missed
                ))
        }
        if let delay {
            let added = delay.addedMicroseconds
            let bar = DiskDelay.addedMicrosecondsMax
            let text =
                "p99.9 cold disk - p99.9 memory: \(Self.milliseconds(added)) ms, at most \(Self.milliseconds(bar))"
            let isQuiet = delay.all(.none).quantile(DiskDelay.barQuantile) <= bar / 2
            verdicts.append((text, !isQuiet ? .unclear : added <= bar ? .reached : .missed))
        }
        return verdicts
    }

    var plain: String {
        var parts = [machine.description]
        if cost != nil { parts.append(costTable.plain) }
        if let delay {
            let share = Double(delay.storageBytes) / Double(max(1, delay.diskBytes)) * 100
            parts.append(delayTable.plain)
            parts.append(
                "of \(delay.diskBytes / 1_000_000) MB read from the disk tier, \(decimal(share, 0)) % came from the device; "
                    + "\(delay.otherAnswers) probes did not find their object in memory")
        }
        parts += verdicts.map { "\($0.text): \($0.outcome.rawValue)" }
        return parts.joined(separator: "\n\n")
    }

    private static func milliseconds(_ microseconds: Int) -> String { decimal(Double(microseconds) / 1000, 2) }
}
