// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import Glibc
import Net

/// `loadtest spike`: many clients ask for one object in the same moment.
struct SpikeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spike",
        abstract: "Asks for one object over many connections at once and compares all bodies.",
        discussion: """
            Prints how many answers were whole and equal, and when first and last bytes came. Exits 1 when an \
            answer was missing, was not 200, or differed from the others. Plain HTTP/1.1: aim it at a shield, at \
            the origin's delivery, or at an edge's listener with tls: false.
            """)

    @Argument(help: "The server's numeric address and port, such as 127.0.0.1:8500.")
    var server: String

    @Argument(help: "The path of the object, such as /v/ID/480p/0.m4s.")
    var path: String

    @Option(name: .long, help: "Concurrent clients, a connection each (1 to 20000).")
    var clients = 300

    @Option(name: .long, help: "The longest that the whole may take, in seconds (1 to 3600).")
    var timeoutSeconds = 60

    func validate() throws {
        guard Endpoint(server) != nil else {
            throw ValidationError("`\(server)` is not a numeric address with a port, such as 127.0.0.1:8500.")
        }
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw ValidationError("`\(path)` is not an absolute path.")
        }
        guard (1...20_000).contains(clients) else { throw ValidationError("--clients must be 1 to 20000.") }
        guard (1...3600).contains(timeoutSeconds) else { throw ValidationError("--timeout-seconds must be 1 to 3600.") }
    }

    func run() throws {
        guard let endpoint = Endpoint(server) else { return }
        let spike = try Spike(server: endpoint, path: path, clients: clients)
        let report = spike.run(timeoutMilliseconds: Int64(timeoutSeconds) * 1000)
        print(report.table)
        if !report.isGood { throw ExitCode(1) }
    }
}
