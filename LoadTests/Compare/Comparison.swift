// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation

/// What can be measured.
enum ComparisonPart: String, CaseIterable, Codable {
    /// Warm hits, server against server.
    case hits
    /// Our edge with two workers against two edges with one worker each.
    case workers
    /// Memory of idle connections.
    case idle
    /// TLS handshakes.
    case handshakes
}

/// What a comparison does.
struct ComparisonSettings {
    var rounds = 7
    /// Processor seconds of the server for one measurement.
    var cpuSeconds = 1.2
    var processes = 8
    var connectionsPerProcess = 4
    var recipes: [any ServerRecipe] = []
    var workloads = Workload.all
    var parts = Set(ComparisonPart.allCases)
    /// Idle connections to hold, as far as the limit of open files allows.
    var idleConnections = IdleComparison.connectionsWanted
    /// What was typed, for the report.
    var command = ""
}

/// Runs a comparison from start to report. It owns all servers that it starts.
struct Comparison {
    private let settings: ComparisonSettings
    private let folder: BenchFolder
    /// The server has a core for itself where there are two.
    private let cores = Cores.ofThisProcess

    /// Makes the folder anew. Throws when a program that all depends on is not there.
    init(_ settings: ComparisonSettings, folder: String) throws {
        for program in ["openssl", "curl", "h2load", "taskset", "setpriv"] where !Programs.isInstalled(program) {
            throw BenchError("\(program) is not installed: run `scripts/setup bench`")
        }
        self.settings = settings
        self.folder = try BenchFolder(path: folder)
    }

    func run() throws -> BenchReport {
        let machine = try Machine.read(scratch: folder.path + "/machine.log")
        var notes: [BenchReport.ServerNote] = []
        var servers: [RunningServer] = []
        defer { for server in servers { server.stop() } }
        for recipe in settings.recipes {
            do {
                servers.append(try start(recipe))
                notes.append(try note(recipe, missing: nil))
            } catch let error as BenchError where recipe.name != EdgeRecipe.name {
                // A peer that can not be had does not hold up the others; without our edge there is nothing to compare.
                notes.append(try note(recipe, missing: error.description))
                log("\(recipe.name) is missing: \(error)")
            }
        }
        var report = BenchReport(
            machine: machine, date: Self.now(),
            command: settings.command, servers: notes,
            method: .init(
                rounds: settings.rounds, cpuSeconds: settings.cpuSeconds, processes: settings.processes,
                connectionsPerProcess: settings.connectionsPerProcess, serverCores: cores.server,
                clientCores: cores.client))
        let present = servers.map(\.recipe)
        measure(.hits, into: &report) { report in
            let outcome = compareHits(servers)
            report.hits = outcome.results
            report.failures += outcome.failures
        }
        measure(.handshakes, into: &report) { $0.handshakes = try compareHandshakes(servers) }
        // The rest starts servers of its own.
        while let server = servers.popLast() { server.stop() }
        measure(.workers, into: &report) { report in
            let outcome = try compareWorkers()
            report.workers = outcome.results
            report.failures += outcome.failures
        }
        measure(.idle, into: &report) { $0.idle = try compareIdle(present) }
        return report
    }

    /// Measures a part that was asked for. One that fails is named in the report and does not take the others with it.
    private func measure(
        _ part: ComparisonPart, into report: inout BenchReport, _ body: (inout BenchReport) throws -> Void
    ) {
        guard settings.parts.contains(part) else { return }
        do {
            try body(&report)
        } catch {
            report.failures.append("\(part.rawValue): \(error)")
        }
    }

    private func compareHits(_ servers: [RunningServer]) -> HitComparison.Outcome {
        HitComparison(
            servers: servers, load: { _ in load(settings.processes, .init(cores: cores.client)) },
            rounds: settings.rounds, cpuSeconds: settings.cpuSeconds, log: log
        ).run(settings.workloads)
    }

    private func compareHandshakes(_ servers: [RunningServer]) throws -> [HandshakeResult] {
        try HandshakeComparison(
            servers: servers.filter { Self.connectionPeers.contains($0.name) }, rounds: settings.rounds,
            seconds: min(3, settings.cpuSeconds * 2), log: log
        ).run()
    }

    /// One process with two workers beside two processes with one worker each, on the same port, cores and load: what
    /// differs is what the workers of a process share. One worker alone is measured as well.
    private func compareWorkers() throws -> HitComparison.Outcome {
        guard cores.count > 1, let edge = settings.recipes.lazy.compactMap({ $0 as? EdgeRecipe }).first else {
            return .init()
        }
        var servers: [RunningServer] = []
        defer { for server in servers { server.stop() } }
        for (name, workers, processes) in WorkerScaling.edges {
            let recipe = EdgeRecipe(program: edge.program, name: name, processes: processes)
            let server = try RunningServer(recipe, folder: folder, cores: cores.both, workers: workers)
            servers.append(server)
            try AnswerCheck.run(server)
        }
        return HitComparison(
            servers: servers, load: { _ in load(settings.processes, .init(cores: cores.both, isNice: true)) },
            rounds: settings.rounds, cpuSeconds: settings.cpuSeconds,
            log: { log("workers, " + $0) }
        ).run(settings.workloads.filter { WorkerScaling.workloads.contains($0) })
    }

    private func compareIdle(_ recipes: [any ServerRecipe]) throws -> [IdleResult] {
        try IdleComparison(
            folder: folder, connections: IdleComparison.makeRoom(for: settings.idleConnections),
            serverCores: cores.server, clientCores: cores.client, idleSeconds: 5, log: log
        ).run(recipes.filter { Self.connectionPeers.contains($0.name) })
    }

    /// Those whose connections are compared by themselves.
    private static let connectionPeers = [EdgeRecipe.name, NginxRecipe.name, H2ORecipe.name]

    private func load(_ processes: Int, _ placement: ChildProcess.Placement) -> H2Load {
        H2Load(
            processes: processes, connectionsPerProcess: settings.connectionsPerProcess, placement: placement,
            folder: folder.path)
    }

    private func start(_ recipe: any ServerRecipe) throws -> RunningServer {
        for program in recipe.programs where !Programs.isInstalled(program) {
            throw BenchError("\(program) is not installed")
        }
        let server = try RunningServer(recipe, folder: folder, cores: cores.server)
        do {
            try AnswerCheck.run(server)
        } catch {
            server.stop()
            throw error
        }
        return server
    }

    private func note(_ recipe: any ServerRecipe, missing: String?) throws -> BenchReport.ServerNote {
        let version = missing == nil ? try recipe.version(scratch: folder.path + "/version.log") : ""
        return .init(name: recipe.name, role: recipe.role, version: version, missing: missing)
    }

    private func log(_ text: String) { printError("loadtest: " + text) }

    private static func now() -> String {
        String(Date().ISO8601Format().prefix(16)).replacing("T", with: " ") + " UTC"
    }
}

/// What workers of one process cost each other.
enum WorkerScaling {
    static let ratioMax = 1.1
    static let workloads = [Workload.all[0], Workload.all[1]]
    static let alone = "one worker"
    static let together = "two workers"
    static let apart = "two edges of one worker"
    static let edges: [(name: String, workers: Int, processes: Int)] = [(alone, 1, 1), (together, 2, 1), (apart, 1, 2)]
}
