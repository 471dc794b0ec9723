// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The program `transcode`.
@main
struct TranscodeMain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transcode", abstract: "Make HLS from video files, for a server's queue or by hand.",
        version: "0.1.0",
        subcommands: [
            WorkerCommand.self, FileCommand.self, ProbeCommand.self, CheckCommand.self, MediaChildCommand.self,
        ])
}
