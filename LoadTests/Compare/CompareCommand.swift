// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import Glibc

/// `loadtest compare`: our edge beside its peers on this machine.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Measures our edge beside nginx, h2o and others on this machine.",
        discussion: """
            Starts each server on free ports of 127.0.0.1 with one thread on the first core, and h2load on the second \
            one, and compares the processor time for a warm response, in interleaved rounds. `scripts/setup bench` \
            installs the peers; one that is not there is named as missing. Everything that was started ends with it.
            """)

    @Option(name: .long, help: "Measurements of each server and object (1 to 99).")
    var rounds: Int?

    @Option(name: .long, help: "Processor seconds of the server that one measurement is to take (0.01 to 60).")
    var cpuSeconds: Double?

    @Flag(name: .long, help: "3 rounds of half a second: a first look, too short for figures to publish.")
    var quick = false

    @Option(
        name: .long, parsing: .upToNextOption, help: "Only these servers: edge h2o nginx trafficserver varnish.")
    var servers: [String] = []

    @Option(name: .long, parsing: .upToNextOption, help: "Only these objects: 2k 250k 1500k 2k-http1 250k-http1.")
    var objects: [String] = []

    @Option(name: .long, parsing: .upToNextOption, help: "Only these parts: hits workers idle handshakes.")
    var parts: [ComparisonPart] = []

    @Option(name: .long, help: "Idle connections to hold; the limit of open files may allow fewer (1 to 1000000).")
    var idleConnections = IdleComparison.connectionsWanted

    @Option(name: .long, help: "h2load processes, each with its own token (1 to 64).")
    var processes = 8

    @Option(name: .long, help: "Connections of each h2load process (1 to 64).")
    var connections = 4

    @Option(name: .long, help: "The edge's program. Default: the one beside this program.")
    var edge: String?

    @Option(name: .long, help: "Write benchmarks.md, .svg and .json into this folder.")
    var document: String?

    @Option(name: .long, help: "Measure nothing: write --document anew from the benchmarks.json of an earlier run.")
    var from: String?

    @Option(name: .long, help: "A folder for configurations, files and logs; what is in it is removed.")
    var folder = "var/bench"

    func validate() throws {
        guard (1...99).contains(rounds ?? 1) else { throw ValidationError("--rounds must be 1 to 99.") }
        guard (0.01...60).contains(cpuSeconds ?? 1) else { throw ValidationError("--cpu-seconds must be 0.01 to 60.") }
        guard (1...64).contains(processes) else { throw ValidationError("--processes must be 1 to 64.") }
        guard (1...1_000_000).contains(idleConnections) else {
            throw ValidationError("--idle-connections must be 1 to 1000000.")
        }
        guard (1...64).contains(connections) else { throw ValidationError("--connections must be 1 to 64.") }
        for name in servers where !Self.recipes(edge: "").map(\.key).contains(name) {
            throw ValidationError("`\(name)` is no server of the comparison.")
        }
        for name in objects where Self.workloads[name] == nil {
            throw ValidationError("`\(name)` is no object of the comparison.")
        }
    }

    func run() throws {
        // A server that ends while it is written to must not end the comparison.
        signal(SIGPIPE, SIG_IGN)
        do {
            let report =
                try from.map { try BenchDocument.read(Programs.absolute($0)) }
                ?? Comparison(settings, folder: Programs.absolute(folder)).run()
            print(report.plain)
            if let document { try BenchDocument(report: report).write(to: Programs.absolute(document)) }
            for failure in report.failures { printError("loadtest: " + failure) }
            if !report.failures.isEmpty { throw ExitCode(1) }
        } catch let error as BenchError {
            printError("loadtest: \(error)")
            throw ExitCode(1)
        }
    }

    private var settings: ComparisonSettings {
        var settings = ComparisonSettings()
        settings.rounds = rounds ?? (quick ? 3 : settings.rounds)
        settings.cpuSeconds = cpuSeconds ?? (quick ? 0.5 : settings.cpuSeconds)
        settings.processes = processes
        settings.connectionsPerProcess = connections
        settings.idleConnections = idleConnections
        if !parts.isEmpty { settings.parts = Set(parts) }
        settings.recipes = Self.recipes(edge: Programs.edge(edge))
            .filter { servers.isEmpty || servers.contains($0.key) }.map(\.recipe)
        let chosen = objects.compactMap { Self.workloads[$0] }
        settings.workloads = Workload.all.filter { chosen.isEmpty || chosen.contains($0) }
        settings.command = (["loadtest"] + CommandLine.arguments.dropFirst()).joined(separator: " ")
        return settings
    }

    private static let workloads: [String: Workload] = {
        let names = Workload.all.map { workload in
            workload.object.file.replacing(".bin", with: "") + (workload.version == .http1 ? "-http1" : "")
        }
        return Dictionary(uniqueKeysWithValues: zip(names, Workload.all))
    }()

    /// All servers, by what they are called on the command line.
    private static func recipes(edge: String) -> [(key: String, recipe: any ServerRecipe)] {
        [
            ("edge", EdgeRecipe(program: edge)), ("h2o", H2ORecipe()), ("nginx", NginxRecipe()),
            ("trafficserver", TrafficServerRecipe()), ("varnish", VarnishRecipe()),
        ]
    }
}

extension ComparisonPart: ExpressibleByArgument {}
