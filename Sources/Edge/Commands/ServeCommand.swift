// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import CLinux
import Net

/// `edge serve`, and `edge` without a command.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serves; this is the command when none is given.",
        discussion: """
            The configuration file says what to listen on, where the upstream is, and how tokens are checked; \
            edge.conf documents every key. SIGTERM drains: no new connection is taken, what is in flight finishes.
            """)

    @Option(name: .long, help: "The configuration file.")
    var config: String

    @Flag(
        name: .long,
        help: "Check the configuration file and the files it names, and exit: 0 when they are good, 2 if not.")
    var check = false

    func run() throws {
        useBlockPoolInOpenSSL()
        spw_ignore_sigpipe()
        _ = spw_raise_open_files()
        do {
            let configuration = try EdgeConfiguration(file: config)
            if check {
                let files = try EdgeFiles(configuration)
                _ = try files.makeContext(configuration.tls, ticketKeys: nil)
                _ = try files.makeUpstreams()
                print("\(config): ok")
                return
            }
            Log.configure(program: configuration.name, level: configuration.logLevel)
            try EdgeProcess(configuration, file: config).run()
        } catch let error as ConfigurationError {
            EdgeCommand.fail("\(error)", code: 2)
        } catch {
            EdgeCommand.fail("edge: \(error)", code: 1)
        }
    }
}
