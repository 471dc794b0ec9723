// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation

/// What can be measured.
enum ComparisonPart: String, CaseIterable, Codable {
    /// Warm hits, server against server.
    case hits
    /// Our edge with two workers against our edge with one.
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
    /// The server has a core for itself where the machine has two.
    private let serverCores = "0"
    private let clientCores: String

    /// Makes the folder anew. Throws when a program that all depends on is not there.
    init(_ settings: ComparisonSettings, folder: String) throws {
        for program in ["openssl", "curl", "h2load", "taskset", "setpriv"] where !Programs.isInstalled(program) {
            throw BenchError("\(program) is not installed: run `scripts/setup bench`")
        }
        self.settings = settings
        self.folder = try BenchFolder(path: folder)
        clientCores = Programs.coreCount > 1 ? "1" : "0"
    }

    func run() throws -> BenchReport {
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
            machine: try Machine.read(scratch: folder.path + "/machine.log"), date: Self.now(),
            command: settings.command, servers: notes,
            method: .init(
                rounds: settings.rounds, cpuSeconds: settings.cpuSeconds, processes: settings.processes,
                connectionsPerProcess: settings.connectionsPerProcess, serverCores: serverCores,
                clientCores: clientCores))
        let present = servers.map(\.recipe)
        measure(.hits, into: &report) { $0.hits = try compareHits(servers) }
        measure(.handshakes, into: &report) { $0.handshakes = try compareHandshakes(servers) }
        // The rest starts servers of its own.
        while let server = servers.popLast() { server.stop() }
        measure(.workers, into: &report) { $0.workers = try compareWorkers() }
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

    private func compareHits(_ servers: [RunningServer]) throws -> [WorkloadResult] {
        try HitComparison(
            servers: servers, load: { _ in load(settings.processes, .init(cores: clientCores)) },
            rounds: settings.rounds, cpuSeconds: settings.cpuSeconds, log: log
        ).run(settings.workloads)
    }

    private func compareHandshakes(_ servers: [RunningServer]) throws -> [HandshakeResult] {
        try HandshakeComparison(
            servers: servers.filter { Self.connectionPeers.contains($0.name) }, rounds: settings.rounds,
            seconds: min(3, settings.cpuSeconds * 2), log: log
        ).run()
    }

    /// Each worker shares a core with its load, which steps back behind it: one worker and half of the load on one
    /// core, two workers and all of it on two. So what a core does besides is alike, and the rest is the sharing.
    private func compareWorkers() throws -> [WorkloadResult] {
        guard Programs.coreCount > 1, let edge = settings.recipes.lazy.compactMap({ $0 as? EdgeRecipe }).first else {
            return []
        }
        var servers: [RunningServer] = []
        defer { for server in servers { server.stop() } }
        for workers in [1, 2] {
            let recipe = EdgeRecipe(program: edge.program, name: WorkerScaling.name(workers: workers))
            servers.append(
                try RunningServer(recipe, folder: folder, cores: WorkerScaling.cores(workers), workers: workers))
        }
        for server in servers { try AnswerCheck.run(server) }
        let halfOfProcesses = max(1, settings.processes / 2)
        return try HitComparison(
            servers: servers,
            load: {
                let workers = $0.site.workers
                return load(halfOfProcesses * workers, .init(cores: WorkerScaling.cores(workers), isNice: true))
            }, rounds: settings.rounds, cpuSeconds: settings.cpuSeconds, log: log
        ).run(settings.workloads.filter { WorkerScaling.workloads.contains($0) })
    }

    private func compareIdle(_ recipes: [any ServerRecipe]) throws -> [IdleResult] {
        try IdleComparison(
            folder: folder, connections: IdleComparison.connectionsPossible(settings.idleConnections),
            serverCores: serverCores, clientCores: clientCores, idleSeconds: 5, log: log
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
        let server = try RunningServer(recipe, folder: folder, cores: serverCores)
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

/// What one more worker costs.
enum WorkerScaling {
    static let ratioMax = 1.1
    static let workloads = [Workload.all[0], Workload.all[1]]

    /// For taskset(1).
    static func cores(_ workers: Int) -> String { workers == 1 ? "0" : "0-\(workers - 1)" }

    static func name(workers: Int) -> String { "\(EdgeRecipe.name), \(workers) worker" + (workers == 1 ? "" : "s") }
}
