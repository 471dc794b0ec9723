// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import CLMDB
import Glibc

/// The command line of `edge`: without the name of a command it serves.
@main
struct EdgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edge",
        abstract: "Serves video over HTTP/2 and HTTP/1.1 from its cache, as an edge node or a shield.",
        discussion: """
            `edge --config edge.conf` serves, and `edge --config edge.conf --check` checks the configuration alone; \
            edge.conf documents every key. `edge purge` takes what has changed out of the caches of running nodes.
            """,
        version: "edge \(spillwayVersion) (LMDB \(String(cString: mdb_version(nil, nil, nil))))",
        subcommands: [ServeCommand.self, PurgeCommand.self], defaultSubcommand: ServeCommand.self)

    /// Says why the program ends, and ends it.
    static func fail(_ text: String, code: Int32) -> Never {
        printError(text)
        Glibc.exit(code)
    }
}
