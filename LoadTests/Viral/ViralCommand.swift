// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import Foundation
import Glibc

/// `loadtest viral`: thousands of players ask three edges for the same cold object.
struct ViralCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "viral",
        abstract: "Thousands of HTTP/2 clients ask edges behind a shield for one cold object at once.",
        discussion: """
            Starts an origin, a shield and edges of its own on free ports of 127.0.0.1, opens a TLS connection for each \
            client, and lets all of them ask: cold, and warm once more over new connections. Exits 1 when the origin was asked more than \
            once or the shield more than once by an edge, when a client did not get every byte right, or when the p99 \
            of the cold first bytes is above twice the origin's own plus the warm p99, which is this machine's queueing.
            """)

    @Option(name: .long, help: "Clients, a connection each (1 to 50000; the limit of open files may allow fewer).")
    var clients = ViralSettings().clients

    @Option(name: .long, help: "Edges (1 to 16).")
    var edges = ViralSettings().edges

    @Option(name: .long, help: "Size of the object (1 to 100000000).")
    var bytes = ViralSettings().bytes

    @Option(name: .long, help: "From a request at the origin to its first byte (0 to 10000).")
    var delayMilliseconds = ViralSettings().delayMilliseconds

    @Option(name: .long, help: "All clients ask within so long, evenly (0 to 60000).")
    var spreadMilliseconds = ViralSettings().spreadMilliseconds

    @Option(name: .long, help: "The longest that the opening or a round may take, in seconds (1 to 3600).")
    var timeoutSeconds = ViralSettings().timeoutSeconds

    @Option(name: .long, help: "The edge's program. Default: the one beside this program.")
    var edge: String?

    @Option(name: .long, help: "A folder for configurations, keys and logs; what is in it is removed.")
    var folder = ViralSettings().folder

    @Option(name: .long, help: "Write all figures into this file.")
    var json: String?

    func validate() throws {
        guard (1...50_000).contains(clients) else { throw ValidationError("--clients must be 1 to 50000.") }
        guard (1...16).contains(edges) else { throw ValidationError("--edges must be 1 to 16.") }
        guard (1...100_000_000).contains(bytes) else { throw ValidationError("--bytes must be 1 to 100000000.") }
        guard (0...10_000).contains(delayMilliseconds) else {
            throw ValidationError("--delay-milliseconds must be 0 to 10000.")
        }
        guard (0...60_000).contains(spreadMilliseconds) else {
            throw ValidationError("--spread-milliseconds must be 0 to 60000.")
        }
        guard (1...3600).contains(timeoutSeconds) else { throw ValidationError("--timeout-seconds must be 1 to 3600.") }
    }

    func run() throws {
        // A server that ends while it is written to must not end the test.
        signal(SIGPIPE, SIG_IGN)
        do {
            let report = try ViralTest(settings: settings, log: { printError("loadtest: " + $0) }).run()
            print(report.text)
            if let json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
                try encoder.encode(report).write(to: URL(fileURLWithPath: Programs.absolute(json)))
            }
            if !report.isGood { throw ExitCode(1) }
        } catch let error as BenchError {
            printError("loadtest: \(error)")
            throw ExitCode(1)
        }
    }

    private var settings: ViralSettings {
        var settings = ViralSettings()
        settings.clients = clients
        settings.edges = edges
        settings.bytes = bytes
        settings.delayMilliseconds = delayMilliseconds
        settings.spreadMilliseconds = spreadMilliseconds
        settings.timeoutSeconds = timeoutSeconds
        settings.program = Programs.edge(edge)
        settings.folder = Programs.absolute(folder)
        return settings
    }
}
