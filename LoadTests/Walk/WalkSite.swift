// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Glibc

/// A cold edge in front of the origin, in plain HTTP and without tokens; ends with `stop`.
final class WalkSite {
    let port: Int
    private let process: ChildProcess

    /// Starts the edge and returns when it listens. `ahead` segments are fetched ahead, 0 for no prefetch. Throws when the
    /// edge does not start.
    init(program: String, folder: String, origin: WalkOrigin, ahead: Int) throws {
        guard Programs.isInstalled(program) else { throw BenchError("\(program) is not there") }
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        port = try LoopbackSocket.freePort()
        let configuration = folder + "/edge.conf"
        try """
        role: edge
        name: walk
        log: {level: warning}
        listen:
          - {endpoint: 127.0.0.1:\(port), tls: false}
        token: {required: false}
        upstream: {servers: [127.0.0.1:\(origin.port)]}
        cache: {memoryBytes: 4GiB}
        prefetch: {enabled: \(ahead > 0), segmentsAhead: \(max(1, ahead)), concurrent: 1024}

        """.write(toFile: configuration, atomically: false, encoding: .utf8)
        process = try ChildProcess(
            [program, "--config", configuration], on: .init(cores: Cores.ofThisProcess.all),
            output: folder + "/edge.log")
        let deadline = Clock.monotonicMilliseconds() + 10_000
        while !LoopbackSocket.answers(port: port) {
            guard process.isRunning, Clock.monotonicMilliseconds() < deadline else {
                process.stop()
                throw BenchError("the edge did not start: \(process.lastLines())")
            }
            usleep(20_000)
        }
    }

    func stop() { process.stop() }
}
