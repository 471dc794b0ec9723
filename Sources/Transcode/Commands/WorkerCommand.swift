// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Backends
import Base
import CLinux
import Dispatch
import Glibc

/// `transcode worker --config origin.conf`: takes jobs from the origin's queue until it is asked to end.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Transcode the videos that an origin's queue holds.",
        discussion: """
            Reads the origin's configuration file. Any number of workers may run on one queue. SIGTERM and SIGINT \
            give the present job back to the queue and end the worker with exit status 0.
            """)

    @Option(help: "The origin's configuration file; see origin.conf of the distribution.")
    var config = "origin.conf"

    func run() async throws {
        let worker: Worker
        do {
            let configuration = try OriginConfiguration(path: config)
            Log.configure(program: "transcode", level: configuration.logLevel)
            worker = try Worker(configuration)
        } catch {
            printError("\(error)")
            throw ExitCode(2)
        }
        spw_ignore_sigpipe()
        let work = Task { await worker.run() }
        let signals = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { work.cancel() }
            source.resume()
            return source
        }
        await work.value
        for source in signals { source.cancel() }
    }
}
