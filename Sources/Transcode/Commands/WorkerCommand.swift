// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Backends
import Base
import CLinux
import Dispatch
import Glibc

/// `transcode worker --config origin.conf`: takes parts of jobs from the origin's queue until it is asked to end.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Transcode the videos that an origin's queue holds.",
        discussion: """
            Reads the origin's configuration file. Any number of workers may run on one queue, and share one video. \
            SIGTERM and SIGINT give the present part back to the queue and end the worker with exit status 0.
            """)

    private static let parallelMax = 64
    private static let workersMax = 256

    @Option(help: "The origin's configuration file; see origin.conf of the distribution.")
    var config = "origin.conf"

    @Option(help: "Parts that are done at the same time, 1 to 64.")
    var parallel = 1

    @Option(
        help: ArgumentHelp(
            "Start workers by the depth of the queue, as processes of their own: at least MIN, at most MAX (256).",
            valueName: "min-max"))
    var autoscale: String?

    @Option(help: "End when there was nothing to do for so many seconds; with --autoscale, that of its workers (30).")
    var idleSeconds: Int?

    @Option(help: .hidden)
    var parent: Int32?

    func validate() throws {
        guard (1...Self.parallelMax).contains(parallel) else {
            throw ValidationError("--parallel: 1 to \(Self.parallelMax) are allowed.")
        }
        if let idleSeconds, !(1...86_400).contains(idleSeconds) {
            throw ValidationError("--idle-seconds: 1 to 86400 are allowed.")
        }
        if let autoscale, Self.range(autoscale) == nil {
            throw ValidationError("--autoscale: MIN-MAX with 0 <= MIN <= MAX and 1 <= MAX <= \(Self.workersMax).")
        }
    }

    func run() async throws {
        let configuration: OriginConfiguration
        let work: @Sendable () async -> Void
        do {
            configuration = try OriginConfiguration(path: config)
            Log.configure(program: "transcode", level: configuration.logLevel)
            if let range = autoscale.flatMap(Self.range) {
                let rules = ScaleRules(workersMin: range.lowerBound, workersMax: range.upperBound, parallel: parallel)
                let supervisor = try WorkerSupervisor(
                    configuration, path: config, rules: rules, idleSeconds: idleSeconds ?? 30)
                work = {
                    var supervisor = supervisor
                    await supervisor.run()
                }
            } else {
                let worker = try Worker(configuration, parallel: parallel, idleSeconds: idleSeconds)
                work = { await worker.run() }
            }
        } catch {
            printError("\(error)")
            throw ExitCode(2)
        }
        spw_ignore_sigpipe()
        await runUntilAskedToEnd(work)
    }

    private func runUntilAskedToEnd(_ body: @escaping @Sendable () async -> Void) async {
        let work = Task { await body() }
        let signals = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { work.cancel() }
            source.resume()
            return source
        }
        let watch = Task { [parent] in
            guard let parent else { return }
            while !Task.isCancelled {
                if getppid() != parent { work.cancel() }
                await pause(milliseconds: 500)
            }
        }
        await work.value
        watch.cancel()
        for source in signals { source.cancel() }
    }

    /// `0-4`
    private static func range(_ text: String) -> ClosedRange<Int>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count == 2, let least = ends[0], let most = ends[1], least >= 0, most >= max(1, least),
            most <= workersMax
        else { return nil }
        return least...most
    }
}
