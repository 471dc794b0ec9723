// SPDX-License-Identifier: Apache-2.0

/// All that a comparison found out.
struct BenchReport: Codable {
    let machine: Machine
    /// ISO 8601, UTC, to the minute.
    let date: String
    let command: String
    let servers: [ServerNote]
    let method: Method
    var hits: [WorkloadResult] = []
    var workers: [WorkloadResult] = []
    var idle: [IdleResult] = []
    var handshakes: [HandshakeResult] = []
    /// Parts that could not be measured, and why.
    var failures: [String] = []

    /// A server of the comparison, or why it is not in it.
    struct ServerNote: Codable {
        let name: String
        let role: String
        let version: String
        /// Nil for one that was measured.
        let missing: String?
    }

    struct Method: Codable {
        let rounds: Int
        let cpuSeconds: Double
        let processes: Int
        let connectionsPerProcess: Int
        let serverCores: String
        let clientCores: String
    }

    /// Server against server, for each workload: the processor time, the rate, and the edge's ratio to each peer.
    var hitTable: Table {
        var table = Table(
            ["object", "server", "CPU \u{B5}s/request", "CPU s/GB", "requests/s", "edge/peer (range)", "bar"],
            wordColumns: 2)
        for result in hits {
            for server in servers {
                table.rows.append(row(server, result))
            }
        }
        return table
    }

    private func row(_ server: ServerNote, _ result: WorkloadResult) -> [String] {
        let title = result.workload.title
        guard let samples = result.samples[server.name], let cost = Spread(samples.map(\.microsecondsPerRequest)),
            let perGigabyte = Spread(samples.map { $0.secondsPerGigabyte(result.workload.object) }),
            let rate = Spread(samples.map(\.requestsPerSecond))
        else { return [title, server.name, "missing", "", "", "", ""] }
        var cells = [
            title, server.name, threeDigits(cost.median), threeDigits(perGigabyte.median), decimal(rate.median, 0),
        ]
        guard server.name != EdgeRecipe.name, let ratio = result.ratio(EdgeRecipe.name, to: server.name) else {
            return cells + ["", ""]
        }
        cells.append(ratio.text)
        cells.append(Bar.find(result.workload, peer: server.name)?.verdict(ratio.median) ?? "")
        return cells
    }
}
