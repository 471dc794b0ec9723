// SPDX-License-Identifier: Apache-2.0
//
// Owns one process of the program `edge`, as a shield or as an edge; it ends with `stop`, and when this program dies.

import Base
import Glibc

/// A node of the viral test.
final class ViralNode {
    enum Role: String { case edge, shield }

    let name: String
    let port: Int
    private let adminPort: Int
    private let process: ChildProcess

    /// Starts it before `upstreamPort` and waits until it listens. The limits are the program's own, but for the time
    /// that a connection may be idle: the players wait for each other. Throws when it does not listen within 30 s.
    init(_ role: Role, name: String, program: String, upstreamPort: Int, folder: BenchFolder) throws {
        self.name = name
        port = try LoopbackSocket.freePort()
        adminPort = try LoopbackSocket.freePort()
        let isEdge = role == .edge
        var lines = [
            "role: \(role.rawValue)", "name: \(name)", "workers: 1",
            "listen: [{endpoint: 127.0.0.1:\(port), tls: \(isEdge)}]",
            "admin: {listen: 127.0.0.1:\(adminPort)}",
            "upstream: {servers: [127.0.0.1:\(upstreamPort)]}",
            "limits: {idleTimeoutMilliseconds: 600000}",
        ]
        if isEdge {
            lines.append("tls: {certificate: \(folder.certificate), key: \(folder.certificateKey)}")
            lines.append("token: {required: true, keysFile: \(folder.tokenKeysFile)}")
        }
        let configuration = try folder.write("\(name)/edge.conf", lines.joined(separator: "\n") + "\n")
        process = try ChildProcess(
            [program, "--config", configuration], on: .init(cores: Cores.ofThisProcess.all),
            output: folder.path + "/\(name)/output.log")
        do { try waitUntilItListens() } catch {
            stop()
            throw error
        }
    }

    /// A counter of its metrics; throws when they can not be had.
    func counter(_ metric: String) throws -> Int {
        let lines = try PlainRequest.get("/metrics", port: adminPort).text.split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix(metric + " ") }),
            let value = Int(line.dropFirst(metric.count + 1))
        else { throw BenchError("\(name) has no metric \(metric)") }
        return value
    }

    var cpuSeconds: Double { ProcessTable.cpuSeconds([process.pid]) }
    var memory: ProcessMemory { ProcessTable.memory([process.pid]) }

    func stop() { process.stop() }

    private func waitUntilItListens() throws {
        let deadline = Clock.monotonicMilliseconds() + 30_000
        while !(LoopbackSocket.answers(port: port) && LoopbackSocket.answers(port: adminPort)) {
            guard process.isRunning else { throw BenchError("\(name) ended at once: \(process.lastLines())") }
            guard Clock.monotonicMilliseconds() < deadline else {
                throw BenchError("\(name) did not listen after 30 s; see \(process.outputFile)")
            }
            usleep(20_000)
        }
    }
}
