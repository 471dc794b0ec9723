// SPDX-License-Identifier: Apache-2.0

/// The tables about connections, and the report as text.
extension BenchReport {
    /// Memory that one idle connection adds.
    var idleTable: Table {
        var table = Table(["server", "connections", "RSS before", "RSS after", "RSS each", "RssAnon each"])
        for result in idle {
            table.rows.append([
                result.server, String(result.connections), mebibytes(result.before.resident),
                mebibytes(result.after.resident), kibibytes(result.residentPerConnection),
                kibibytes(result.anonymousPerConnection),
            ])
        }
        return table
    }

    /// Processor time of a new TLS connection.
    var handshakeTable: Table {
        var table = Table(
            ["handshake", "server", "CPU ms each", "handshakes/s", "edge/peer (range)", "bar"], wordColumns: 2)
        for result in handshakes {
            for server in servers {
                guard let samples = result.samples[server.name],
                    let cost = Spread(samples.map(\.microsecondsPerRequest)),
                    let rate = Spread(samples.map(\.requestsPerSecond))
                else { continue }
                let ratio = server.name == EdgeRecipe.name ? nil : result.ratio(EdgeRecipe.name, to: server.name)
                let isBar = server.name == NginxRecipe.name
                table.rows.append([
                    result.kind.rawValue, server.name, decimal(cost.median / 1000, 3), decimal(rate.median, 0),
                    ratio?.text ?? "",
                    isBar ? ratio.map { barVerdict($0.median, atMost: Self.handshakeRatioMax) } ?? "" : "",
                ])
            }
        }
        return table
    }

    /// What two workers of one edge cost each other.
    var workerTable: Table {
        var table = Table(
            ["object", "edge", "CPU \u{B5}s/request", "two workers/this (range)", "bar"], wordColumns: 2)
        for result in workers {
            for name in WorkerScaling.edges.map(\.name) {
                guard let cost = Spread(result.samples[name, default: []].map(\.microsecondsPerRequest)) else {
                    continue
                }
                let ratio = name == WorkerScaling.together ? nil : result.ratio(WorkerScaling.together, to: name)
                let isBar = name == WorkerScaling.apart
                table.rows.append([
                    result.workload.title, name, threeDigits(cost.median), ratio?.text ?? "",
                    isBar ? ratio.map { barVerdict($0.median, atMost: WorkerScaling.ratioMax) } ?? "" : "",
                ])
            }
        }
        return table
    }

    /// Every bar that was measured, and whether it was reached.
    var barTable: Table {
        var table = Table(["what", "beside", "ratio", "bar"], wordColumns: 2)
        for result in hits {
            for server in servers {
                guard let bar = Bar.find(result.workload, peer: server.name),
                    let ratio = result.ratio(EdgeRecipe.name, to: server.name)
                else { continue }
                table.rows.append([
                    "CPU of a hit, \(result.workload.title)", server.name, decimal(ratio.median, 2),
                    bar.verdict(ratio.median),
                ])
            }
        }
        for row in workerTable.rows where !row[4].isEmpty {
            table.rows.append(["CPU of a hit, \(row[0]), two workers", row[1], row[3].firstWord, row[4]])
        }
        for row in handshakeTable.rows where !row[5].isEmpty {
            table.rows.append(["CPU of a \(row[0]) handshake", row[1], row[4].firstWord, row[5]])
        }
        return table
    }

    /// Of the edge to nginx.
    static let handshakeRatioMax = 1.1

    /// For a terminal.
    var plain: String {
        var lines = [machine.description, ""]
        for server in servers {
            lines.append(
                "\(server.name) \(server.version): " + (server.missing.map { "missing: \($0)" } ?? server.role))
        }
        let tables = [hitTable, workerTable, idleTable, handshakeTable].filter { !$0.rows.isEmpty }
        return (lines + tables.flatMap { ["", $0.plain] }).joined(separator: "\n")
    }

    private func mebibytes(_ bytes: Int) -> String { decimal(Double(bytes) / 1_048_576, 0) + " MiB" }
    private func kibibytes(_ bytes: Double) -> String { decimal(bytes / 1024, 1) + " KiB" }
}

extension String {
    fileprivate var firstWord: String { String(prefix { $0 != " " }) }
}
