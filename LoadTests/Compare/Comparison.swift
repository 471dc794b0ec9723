// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation

/// What a comparison does.
struct ComparisonSettings {
    var rounds = 7
    /// Processor seconds of the server for one measurement.
    var cpuSeconds = 1.2
    var processes = 8
    var connectionsPerProcess = 4
    var recipes: [any ServerRecipe] = []
    var workloads = Workload.all
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
        let load = H2Load(
            processes: settings.processes, connectionsPerProcess: settings.connectionsPerProcess,
            placement: .init(cores: clientCores), folder: folder.path)
        report.hits = try HitComparison(
            servers: servers, load: load, rounds: settings.rounds, cpuSeconds: settings.cpuSeconds, log: log
        ).run(settings.workloads)
        return report
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
