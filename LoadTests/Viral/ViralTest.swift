// SPDX-License-Identifier: Apache-2.0

import Base

/// What a viral test is made of.
struct ViralSettings {
    var clients = 10_000
    var edges = 3
    var bytes = 2_000_000
    /// The origin's own, from a request to the first byte.
    var delayMilliseconds = 200
    /// Over which the requests of a round are spread evenly.
    var spreadMilliseconds = 1000
    /// A phase that takes longer has failed.
    var timeoutSeconds = 300
    /// The edge's program.
    var program = "edge"
    var folder = "var/viral"
}

/// Everybody wants the same thing at once, which no cache holds: once cold, and once more warm, each time over new connections
/// that are opened before, so that both rounds find TCP in the same state.
struct ViralTest {
    let settings: ViralSettings
    let log: (String) -> Void

    /// Throws when a server or a connection can not be had; what clients get or do not get is in the report.
    func run() throws -> ViralReport {
        // Beside the clients: the origin's connections, logs, the programs' pipes.
        guard IdleComparison.makeRoom(for: settings.clients) == settings.clients else {
            throw BenchError("the limit of open files (ulimit -n) does not allow \(settings.clients) connections")
        }
        let site = try ViralSite(settings)
        defer { site.stop() }
        var report = ViralReport(settings: settings, originFirstByte: try site.measureOrigin())
        let plans = try (0..<settings.clients).map { try site.plan(client: $0) }
        let tls = try ClientTLSContext(certificateFile: site.folder.certificate)
        for temperature in ["cold", "warm"] {
            let crowd = try Crowd(
                plans: plans, expected: site.body, tls: tls, spreadMilliseconds: settings.spreadMilliseconds)
            log("opening \(settings.clients) connections")
            var before = try site.tally()
            let round = try crowd.run(timeoutMilliseconds: Int64(settings.timeoutSeconds) * 1000) { microseconds in
                let now = try site.tally()
                report.opened(
                    microseconds: microseconds, edgeCPUSeconds: (now - before).edgeCPUSeconds, memory: site.edgeMemory)
                before = now
                log("asking, \(temperature)")
            }
            report.add(round, tally: try site.tally() - before)
        }
        return report
    }
}
