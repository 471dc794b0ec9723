// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Glibc

/// What idle connections cost one server in memory.
struct IdleResult: Codable {
    let server: String
    let connections: Int
    let before: ProcessMemory
    let after: ProcessMemory

    var residentPerConnection: Double { Double((after - before).resident) / Double(connections) }
    var anonymousPerConnection: Double { Double((after - before).anonymous) / Double(connections) }
}

/// Memory of connections that a viewer leaves open between two segments: each has made its TLS handshake, has been sent
/// one object over HTTP/2, and waits.
///
/// h2load opens them: its timing script asks for the object at once and again ten minutes later, and it is ended long
/// before that.
struct IdleComparison {
    static let connectionsWanted = 20_000
    /// Connections of one h2load process. They are opened together, so this also bounds the burst of handshakes.
    private static let connectionsPerProcess = 1000

    let folder: BenchFolder
    let connections: Int
    let serverCores: String
    let clientCores: String
    let idleSeconds: UInt32
    let log: (String) -> Void

    /// Raises the limit of open files, which servers inherit, as far as it goes, and returns how many of `wanted`
    /// connections one server process can hold under it.
    static func makeRoom(for wanted: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(openFiles, &limit) == 0 else { return min(wanted, 500) }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(openFiles, &limit)
        return min(wanted, Int(clamping: limit.rlim_max) - 300)
    }

    private static let openFiles = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

    /// Throws when a server does not take or keep all connections.
    func run(_ recipes: [any ServerRecipe]) throws -> [IdleResult] {
        try recipes.map { recipe in
            log("idle connections: \(recipe.name)")
            let server = try RunningServer(
                recipe, folder: folder, cores: serverCores, connections: connections + 100)
            defer { server.stop() }
            try AnswerCheck.run(server)
            return try measure(server)
        }
    }

    private func measure(_ server: RunningServer) throws -> IdleResult {
        let socketsBefore = server.socketCount
        let before = server.memory
        var clients: [ChildProcess] = []
        defer { for client in clients { client.stop() } }
        var opened = 0
        while opened < connections {
            let count = min(Self.connectionsPerProcess, connections - opened)
            let client = try open(count, on: server, number: clients.count)
            clients.append(client)
            try waitForAnswers(client)
            opened += count
        }
        sleep(idleSeconds)
        let held = server.socketCount - socketsBefore
        // A kept connection to the upstream may have been closed meanwhile.
        guard held + 4 >= connections else {
            throw BenchError("\(server.name) holds \(held) of \(connections) idle connections")
        }
        return IdleResult(server: server.name, connections: connections, before: before, after: server.memory)
    }

    private func open(_ count: Int, on server: RunningServer, number: Int) throws -> ChildProcess {
        let address = try server.address(.small, client: number)
        let script = try folder.write("idle-\(number).script", "0.0\t\(address)\n600000.0\t\(address)\n")
        return try ChildProcess(
            ["h2load", "-c", String(count), "--timing-script-file=\(script)", "--tls13-ciphers=\(H2Load.cipher)"],
            on: .init(cores: clientCores), output: folder.path + "/idle-\(number).log")
    }

    /// h2load says that half is done when each connection has had the first of its two answers.
    private func waitForAnswers(_ client: ChildProcess) throws {
        let deadline = Clock.monotonicMilliseconds() + 60_000
        while !client.output.contains("progress: 50% done") {
            guard client.isRunning, Clock.monotonicMilliseconds() < deadline else {
                throw BenchError("not all idle connections had an answer: \(client.lastLines())")
            }
            usleep(50_000)
        }
    }
}
