// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import Cache
import Foundation

/// `loadtest cache-sim`: which policy makes the most of a cache.
struct CacheSimCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache-sim",
        abstract: "Replays a trace against each eviction policy at several cache sizes.",
        discussion: """
            Uses the edge's own eviction code, without bodies and network, and prints hit ratio and byte hit ratio. The \
            trace is a file of lines `time,key,bytes` (seconds, which never go back; a heading may come first), or made \
            from a seed: zipf, drift (popularity moves), scan (cold objects pass through), viral (a few objects take \
            most requests, then fade), video (viewers walk through segments), or all of them.
            """)

    @Option(name: .long, help: "A trace file.")
    var trace: String?

    @Option(name: .long, help: "Make a trace: zipf, drift, scan, viral, video or all.")
    var generate: String?

    @Option(name: .long, help: "The seed of what is made; the same seed, the same trace.")
    var seed: UInt64 = 1

    @Option(name: .long, help: "Requests of a trace that is made (1 to 100000000).")
    var requests = 1_000_000

    @Option(name: .long, help: "Objects of a trace that is made (1 to 10000000).")
    var objects = 100_000

    @Option(name: .long, help: "Zipf's exponent of a trace that is made (0 to 3).")
    var skew = 0.9

    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Cache sizes: percent of all objects of the trace, such as 5%, or bytes, such as 512MiB.")
    var sizes: [CacheSize] = CacheSize.standard

    @Option(
        name: .long, parsing: .upToNextOption, help: "Only these policies: sieve s3fifo lru.",
        transform: { text in
            guard let policy = EvictionPolicy(rawValue: text) else {
                throw ValidationError("`\(text)` is no policy.")
            }
            return policy
        })
    var policies: [EvictionPolicy] = EvictionPolicy.allCases

    @Option(name: .long, help: "What an object takes beside its body (0 to 1048576).")
    var overheadBytes = 2048

    @Option(
        name: .long,
        help: "Put a disk behind the memory, of this part of all objects (0.001 to 1), with and without admission.")
    var diskFraction: Double?

    @Option(name: .long, help: "Write a chart of the byte hit ratios to this SVG file.")
    var chart: String?

    @Option(name: .long, help: "Write all figures to this JSON file.")
    var json: String?

    func validate() throws {
        guard (trace == nil) != (generate == nil) else { throw ValidationError("Give --trace or --generate.") }
        if let generate, generate != "all", TraceKind(rawValue: generate) == nil {
            let names = TraceKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("`\(generate)` can not be made; what can: \(names), all.")
        }
        guard (1...100_000_000).contains(requests) else { throw ValidationError("--requests must be 1 to 100000000.") }
        guard (1...10_000_000).contains(objects) else { throw ValidationError("--objects must be 1 to 10000000.") }
        guard (0...3).contains(skew) else { throw ValidationError("--skew must be 0 to 3.") }
        guard (0...1_048_576).contains(overheadBytes) else {
            throw ValidationError("--overhead-bytes must be 0 to 1048576.")
        }
        guard (0.001...1).contains(diskFraction ?? 1) else {
            throw ValidationError("--disk-fraction must be 0.001 to 1.")
        }
    }

    func run() throws {
        do {
            var report = CacheSimReport(
                command: (["loadtest"] + CommandLine.arguments.dropFirst()).joined(separator: " "),
                policies: policies)
            if let trace {
                report.traces.append(replay(try TraceFile.read(trace)))
            } else {
                let generator = TraceGenerator(seed: seed, requests: requests, objects: objects, skew: skew)
                for kind in TraceKind.allCases where generate == "all" || generate == kind.rawValue {
                    report.traces.append(replay(generator.make(kind)))
                }
            }
            print(report.plain)
            try write(report)
        } catch let error as TraceError {
            printError("loadtest: \(error)")
            throw ExitCode(1)
        }
    }

    private func replay(_ trace: Trace) -> CacheSimReport.TraceResult {
        var replay = CacheReplay(policies: policies, sizes: sizes)
        replay.overheadBytes = overheadBytes
        replay.diskFraction = diskFraction
        return replay.run(trace)
    }

    private func write(_ report: CacheSimReport) throws {
        if let chart {
            try PolicyChart(report: report).svg().write(toFile: chart, atomically: true, encoding: .utf8)
        }
        guard let json else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
        try text.write(toFile: json, atomically: true, encoding: .utf8)
    }
}

extension CacheSize: ExpressibleByArgument {
    init?(argument: String) { self.init(argument) }
    var defaultValueDescription: String { description.replacing(" ", with: "") }
}
