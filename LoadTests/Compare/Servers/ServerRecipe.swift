// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Glibc

/// How one of the compared servers is set up. Each serves `BenchObject.all` at their paths over TLS 1.3, with HTTP/2
/// and HTTP/1.1 by ALPN, one thread for the work of connections, and no access log.
protocol ServerRecipe: Sendable {
    /// What tables call it.
    var name: String { get }
    /// What it does with a request, in a few words.
    var role: String { get }
    /// The programs that it needs.
    var programs: [String] { get }
    /// How many caches are behind its port, each of which asks the upstream once for an object; 0 when it serves files.
    var cacheCount: Int { get }
    /// The path of an object for load connection number `client`.
    func path(_ object: BenchObject, client: Int, in folder: BenchFolder) throws -> String
    /// Writes the configuration and returns the commands that run the server in the foreground.
    func prepare(_ site: ServerSite) throws -> [ServerCommand]
    /// The server's own word for its version; `scratch` is a file to write to.
    func version(scratch: String) throws -> String
}

extension ServerRecipe {
    func path(_ object: BenchObject, client: Int, in folder: BenchFolder) throws -> String { object.path }
}

/// A program of a server, with its arguments.
struct ServerCommand {
    var words: [String]
    /// A UNIX socket on which another one must listen before this one is started.
    var waitsFor: String?
}

/// Where a server is to be, and what it may use.
struct ServerSite {
    let folder: BenchFolder
    /// The server's own folder, relative to the comparison's.
    let name: String
    /// TLS; clients come here.
    let port: Int
    /// A name for a UNIX socket between processes of the server. It is outside of the folder, which may be closed to
    /// the user that one of them becomes.
    let socket: String
    let upstreamPort: Int
    var workers = 1
    /// Connections that it must be able to hold at once.
    var connections = 1024
    /// Seconds without a request after which it may close one.
    let idleSeconds = 3600

    var isRoot: Bool { geteuid() == 0 }
    var path: String { folder.path + "/" + name }

    /// Writes a file into the server's folder and returns its path.
    func write(_ file: String, _ text: String) throws -> String { try folder.write(name + "/" + file, text) }
}

/// A server that runs. It owns its processes: they end with `stop`.
final class RunningServer {
    let recipe: any ServerRecipe
    let site: ServerSite
    private let upstream: FixedUpstream
    private var processes: [ChildProcess] = []

    /// Starts a server on the given cores and waits until it listens.
    init(
        _ recipe: any ServerRecipe, folder: BenchFolder, cores: String, workers: Int = 1, connections: Int = 1024
    ) throws {
        self.recipe = recipe
        upstream = try FixedUpstream(
            bodies: Dictionary(uniqueKeysWithValues: BenchObject.all.map { ($0.path, $0.makeBody()) }))
        let port = try LoopbackSocket.freePort()
        let name = recipe.name.lowercased().filter { $0.isLetter || $0.isNumber } + (workers > 1 ? "-\(workers)" : "")
        site = ServerSite(
            folder: folder, name: name, port: port, socket: "/tmp/spillway-bench-\(port).socket",
            upstreamPort: upstream.port,
            workers: workers, connections: connections)
        try FileManager.default.createDirectory(atPath: site.path, withIntermediateDirectories: true)
        let commands = try recipe.prepare(site)
        do {
            for (index, command) in commands.enumerated() {
                if let path = command.waitsFor { try wait(for: path) { LoopbackSocket.answers(path: path) } }
                processes.append(
                    try ChildProcess(
                        command.words, on: .init(cores: cores), output: site.path + "/output-\(index).log"))
            }
            try wait(for: "port \(port)") { LoopbackSocket.answers(port: port) }
        } catch {
            stop()
            throw error
        }
    }

    var name: String { recipe.name }

    /// Processor seconds used so far by all of its processes.
    var cpuSeconds: Double { ProcessTable.cpuSeconds(processes.map(\.pid)) }

    /// What its processes hold in memory now.
    var memory: ProcessMemory { ProcessTable.memory(processes.map(\.pid)) }

    /// Sockets that its processes hold open.
    var socketCount: Int { ProcessTable.socketCount(processes.map(\.pid)) }

    /// How often it has asked its upstream.
    var upstreamRequests: Int { upstream.requestCount }

    func address(_ object: BenchObject, client: Int) throws -> String {
        "https://127.0.0.1:\(site.port)" + (try recipe.path(object, client: client, in: site.folder))
    }

    func stop() {
        for process in processes.reversed() { process.stop() }
        unlink(site.socket)
    }

    private func wait(for what: String, until isThere: () -> Bool) throws {
        let deadline = Clock.monotonicMilliseconds() + 30_000
        while !isThere() {
            if let dead = processes.first(where: { !$0.isRunning }) {
                throw BenchError("\(name) ended at once: \(dead.lastLines())")
            }
            guard Clock.monotonicMilliseconds() < deadline else {
                throw BenchError("\(name): \(what) was not there after 30 s; see \(site.path)")
            }
            usleep(20_000)
        }
    }
}
