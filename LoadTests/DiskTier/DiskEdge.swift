// SPDX-License-Identifier: Apache-2.0
//
// One edge under measurement. It owns its process, which ends with `stop`.

import Base
import Foundation
import Glibc

/// An edge of one worker with a disk tier that holds all objects, and memory for all of them or for a few.
final class DiskEdge {
    /// Where its answers come from.
    enum Source: String, CaseIterable {
        case memory, disk
    }

    /// How much memory an edge has.
    enum Memory {
        /// For all objects.
        case ample
        /// For 20 objects. Half as much again may be on its way (edge.conf), which eight connections do not use up.
        case scarce

        static let scarceObjects = 20

        func bytes(_ objects: DiskObjects) -> Int {
            switch self {
            case .ample: 2 * objects.bytes + (64 << 20)
            case .scarce: Self.scarceObjects * (DiskObjects.bodyBytes + 2048) + 65_536
            }
        }
    }

    let source: Source
    let port: Int
    private let path: String
    private let adminPort: Int
    private let process: ChildProcess

    /// Starts `program` on the given core and waits until it listens. What is on the disk of an earlier one of that source
    /// is found again.
    init(
        _ source: Source, memory: Memory, program: String, folder: BenchFolder, objects: DiskObjects,
        upstream: FixedUpstream, core: String
    ) throws {
        self.source = source
        path = folder.path + "/" + source.rawValue
        port = try LoopbackSocket.freePort()
        adminPort = try LoopbackSocket.freePort()
        let configuration = try folder.write(
            source.rawValue + "/edge.conf",
            """
            role: edge
            name: bench
            workers: 1
            log: {level: warning}
            listen:
              - {endpoint: 127.0.0.1:\(port), tls: true}
            admin: {listen: 127.0.0.1:\(adminPort)}
            tls:
              certificate: \(folder.certificate)
              key: \(folder.certificateKey)
            token: {required: false}
            requests: {methods: read, fields: none}
            upstream: {servers: [127.0.0.1:\(upstream.port)]}
            cache:
              memoryBytes: \(memory.bytes(objects))
              # S3-FIFO would keep some of a cycle in memory.
              policy: lru
              objectBytes: 4MiB
              disk:
                folder: \(path)/cache
                bytes: \(16 * objects.bytes)
                writeQueueBytes: \(2 * objects.bytes)
            limits:
              requestsPerConnection: 1000000000
              lifetimeMilliseconds: 604800000

            """)
        process = try ChildProcess(
            [program, "--config", configuration], on: .init(cores: core), output: path + "/output.log")
        let deadline = Clock.monotonicMilliseconds() + 30_000
        while !LoopbackSocket.answers(port: port) || !LoopbackSocket.answers(port: adminPort) {
            guard process.isRunning, Clock.monotonicMilliseconds() < deadline else {
                process.stop()
                throw BenchError("the edge does not listen: \(process.lastLines())")
            }
            usleep(20_000)
        }
    }

    func stop() { process.stop() }

    /// Processor seconds so far of all its threads, those that read the disk included.
    var cpuSeconds: Double { ProcessTable.cpuSeconds([process.pid]) }

    /// The database of its disk tier.
    var database: String { path + "/cache/cache.mdb" }

    /// Bytes that it has caused to be fetched from storage (proc(5), /proc/PID/io); 0 where that can not be read.
    var storageBytes: Int {
        let text = (try? readTextFile("/proc/\(process.pid)/io")) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("read_bytes: ") }
        return line.flatMap { Int($0.dropFirst("read_bytes: ".count)) } ?? 0
    }

    func address(_ path: String) -> String { "https://127.0.0.1:\(port)" + path }

    func counts() throws -> DiskCounts {
        let text = try Programs.run(
            ["curl", "--silent", "--show-error", "--fail", "http://127.0.0.1:\(adminPort)/metrics"],
            output: path + "/metrics.txt")
        return try DiskCounts(MetricsText(text))
    }

    /// Waits until so many objects are on disk; throws when they do not come.
    func waitForObjects(_ count: Int) throws {
        let deadline = Clock.monotonicMilliseconds() + 30_000
        while try counts().objects < count {
            guard Clock.monotonicMilliseconds() < deadline else {
                throw BenchError("\(try counts().objects) of \(count) objects are on disk after 30 s")
            }
            usleep(100_000)
        }
    }
}
