// SPDX-License-Identifier: Apache-2.0

import Base

/// h2load processes of one HTTP/2 connection each, which ask for their own objects in turn, one at a time.
struct DiskLoad {
    let objects: DiskObjects
    let core: String
    let folder: BenchFolder

    /// `requests` rounded up, so that each process asks for each of its objects equally often.
    func round(_ requests: Int) -> Int { max(1, (requests + objects.count - 1) / objects.count) * objects.count }

    /// Starts `requests` (a multiple of the number of objects); `perSecond` of all processes together, or as many as come.
    func start(_ requests: Int, perSecond: Int? = nil, on edge: DiskEdge) throws -> [ChildProcess] {
        try (0..<objects.processes).map { process in
            let list = try folder.write(
                "\(edge.source)/objects-\(process).txt",
                objects.paths(of: process).map { edge.address($0) + "\n" }.joined())
            let rate = perSecond.map { ["--rps=\(decimal(Double($0) / Double(objects.processes), 2))"] } ?? []
            return try ChildProcess(
                ["h2load", "-c", "1", "-m", "1", "-n", String(requests / objects.processes)] + rate
                    + ["--tls13-ciphers=\(H2Load.cipher)", "--input-file=\(list)"],
                on: .init(cores: core), output: folder.path + "/\(edge.source)/h2load-\(process).log")
        }
    }

    /// Waits for the end. Throws unless each request was answered 2xx, with bodies of the right length.
    func finish(_ children: [ChildProcess], requests: Int) throws {
        for child in children { try child.waitForSuccess(seconds: 300) }
        let outputs = children.map { H2LoadOutput($0.output) }
        let succeeded = outputs.reduce(0) { $0 + $1.succeeded }
        let bytes = outputs.reduce(0) { $0 + $1.bodyBytes }
        guard succeeded == requests, bytes == requests * DiskObjects.bodyBytes else {
            throw BenchError("\(succeeded) of \(requests) answers were 2xx, with \(bytes) bytes; see \(folder.path)")
        }
        for output in outputs where output.cipher != H2Load.cipher || output.alpn != "h2" {
            throw BenchError("the connection was \(output.cipher) and \(output.alpn)")
        }
    }
}
