// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base

/// The command line of `loadtest`.
@main
struct LoadTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loadtest",
        abstract: "Puts a running Spillway, or any HTTP/1.1 server, under load and prints what came of it.",
        version: "loadtest \(spillwayVersion)",
        subcommands: [
            SpikeCommand.self, ViralCommand.self, WalkCommand.self, DiskCommand.self, CompareCommand.self,
            CacheSimCommand.self,
        ])
}
