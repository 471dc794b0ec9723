// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Writes a report as `benchmarks.md`, `benchmarks.svg` and `benchmarks.json` (every sample of every round).
struct BenchDocument {
    let report: BenchReport

    /// Throws when the folder can not be written.
    func write(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try markdown.write(toFile: folder + "/benchmarks.md", atomically: true, encoding: .utf8)
        try BarChart(report: report).svg().write(toFile: folder + "/benchmarks.svg", atomically: true, encoding: .utf8)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let json = String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
        try json.write(toFile: folder + "/benchmarks.json", atomically: true, encoding: .utf8)
    }

    /// The report in a `benchmarks.json`. Throws when the file is none of this version.
    static func read(_ file: String) throws -> BenchReport {
        do {
            return try JSONDecoder().decode(BenchReport.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
        } catch {
            throw BenchError("\(file) is no report of this program: \(error)")
        }
    }

    var markdown: String {
        var sections = [introduction]
        if !report.barTable.rows.isEmpty { sections.append(barSection) }
        sections.append(serverSection)
        if !report.hits.isEmpty { sections.append(hitSection) }
        if !report.workers.isEmpty { sections.append(workerSection) }
        if !report.idle.isEmpty { sections.append(idleSection) }
        if !report.handshakes.isEmpty { sections.append(handshakeSection) }
        if !report.failures.isEmpty {
            let lines = report.failures.map { "- \($0)" }.joined(separator: "\n")
            sections.append("## What could not be measured\n\n" + lines)
        }
        sections.append(remarks)
        return sections.joined(separator: "\n\n") + "\n"
    }

    private var introduction: String {
        let machine = report.machine
        return """
            # Benchmarks

            The edge beside other servers on one machine. This page, its chart and `benchmarks.json`, which holds every
            sample, are written by `make bench`.

            - Command: `\(report.command)`, \(report.date).
            - Machine: \(machine.processor), \(machine.cores) cores, Linux \(machine.kernel), \(machine.openSSL). Load average
              before the run: \(machine.loadAverage).

            ![Processor time of each server for one warm response](benchmarks.svg)
            """
    }

    private var barSection: String {
        """
        ## The bars

        What we hold the edge to: the median ratio of the edge's processor time to the peer's, in rounds that take turns.

        \(report.barTable.markdown)
        """
    }

    private var serverSection: String {
        var table = Table(["server", "version", "what it does"], wordColumns: 3)
        for server in report.servers {
            table.rows.append([
                server.name, server.version, server.missing.map { "missing: \($0)" } ?? server.role,
            ])
        }
        return "## Servers\n\n" + table.markdown
    }

    private var hitSection: String {
        let method = report.method
        return """
            ## Warm responses

            Every response is a hit: the upstream's counter must not move during a measurement, and before it the
            bodies are compared byte by byte with what the upstream holds. The edge verifies a signed token on each
            connection and checks its time and path on each request; the others serve whoever asks.

            - Load: h2load, \(method.processes) processes of \(method.connectionsPerProcess) connections, on core
              \(method.clientCores); each process shows a token of its own. HTTP/2 with 16 (2 KB), 8 (250 KB) and 4
              (1.5 MB) streams on a connection; HTTP/1.1 with one request at a time on kept connections. TLS 1.3,
              \(H2Load.cipher), one ECDSA P-256 certificate for all. Each answer must be 2xx, with the whole body.
            - Servers: one worker or thread, on core \(method.serverCores), no access log, no limit on requests of a
              connection. nginx keeps its cache's files open (`open_file_cache`). Varnish and hitch speak over a UNIX
              socket, and both count.
            - Figures: processor time of all processes of a server (utime + stime, /proc/PID/stat) before and after; a
              measurement takes about \(decimal(method.cpuSeconds, 1)) s of it. \(method.rounds) rounds, in each of which
              every server has its turn, beginning with another one each time. Medians; `edge/peer` is the median of the
              rounds' own ratios, with the least and the most. 1 GB is 10^9 bytes of bodies.

            \(report.hitTable.markdown)
            """
    }

    private var workerSection: String {
        """
        ## Two workers

        What the worker threads of one edge cost each other by what they share: the cache's table, the objects, the
        counters, the allocator. The bar is beside two edges with one worker each, which share nothing and listen on the
        same port. All have both cores; so has the load, at lower priority. Beside one worker alone, whose load has the
        other core to itself, two workers pay for sharing their cores with the load, and so do two edges.

        \(report.workerTable.markdown)
        """
    }

    private var idleSection: String {
        """
        ## Idle connections

        Memory of the server's processes before and after so many connections were opened (h2load, TLS 1.3, HTTP/2),
        each was sent one 2 KB object, and all were left alone for five seconds. The kernel's socket buffers are not
        in it. \(IdleComparison.connectionsWanted) connections are wanted; the limit of open files of a process may
        allow fewer.

        \(report.idleTable.markdown)
        """
    }

    private var handshakeSection: String {
        """
        ## Handshakes

        Up to \(HandshakeComparison.perSecond) new connections a second, one after the other, for some seconds. Each:
        TCP connect; TLS 1.3 handshake with \(H2Load.cipher), ALPN `h2`, the certificate checked; the HTTP/2 preface;
        reading until the server's SETTINGS, which come after its session tickets; close. `full` has no session to
        offer; `resumed` offers the last connection's ticket, with a new key exchange (psk_dhe_ke). The processor time
        is the server's, from accept to close.

        \(report.handshakeTable.markdown)
        """
    }

    private var remarks: String {
        """
        ## What to make of it

        - Processor time is compared, not speed. The load generator has one core; where it is slower than the server,
          requests/s is its figure and not the server's. Requests/s count the start of the h2load processes too.
        - Everything runs on the loopback interface: no network card, no loss, no distance. Receiving is partly done
          in the sender's time there, for all servers alike.
        - A measurement includes the handshakes of its connections, about 1 % of it, and steps of 10 ms, the kernel's
          clock tick.
        - On a busy machine ratios of one run are steadier than times; compare figures of different runs with care.
          Look at the ranges.
        - h2o has no HTTP cache: it serves a file and neither looks up, ages nor counts a cached object. It is here
          because it is the cheapest HTTP/2 server at hand.
        - Where the edge's time goes, and what was tried to make it less, is told in [edge-engine.md](edge-engine.md).
        - The peers are Debian's packages with sensible settings, not the newest releases and not tuned to the last.
          A better configuration of one of them is a welcome correction: they are written by `LoadTests/Compare/Servers`.
        """
    }
}
