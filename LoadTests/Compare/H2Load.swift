// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation

/// What one h2load process reported.
struct H2LoadOutput: Equatable {
    var succeeded = 0
    /// Bytes of bodies.
    var bodyBytes = 0
    var cipher = ""
    var alpn = ""

    /// Reads the text that h2load 1.5x prints; what is not found stays empty, and is then not what was asked for.
    init(_ text: String) {
        for line in text.split(separator: "\n") {
            if let status = line.value(after: "status codes: ") {
                succeeded = Int(status.prefix { $0.isNumber }) ?? 0
            } else if line.hasPrefix("traffic: ") {
                // traffic: 1.22MB (1279000) total, 9.77KB (10000) headers (space savings 90%), 1.19MB (1250000) data
                let numbers = line.split(separator: "(").compactMap { part in
                    part.contains(")") ? Int(part.prefix { $0 != ")" }) : nil
                }
                bodyBytes = numbers.last ?? 0
            } else if let value = line.value(after: "Cipher: ") {
                cipher = String(value)
            } else if let value = line.value(after: "Application protocol: ") {
                alpn = String(value)
            }
        }
    }
}

extension Substring {
    fileprivate func value(after prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
}

/// The load: many h2load processes, because one of them asks for the same address on all its connections, and each
/// connection is to show a token of its own.
struct H2Load {
    static let cipher = "TLS_AES_128_GCM_SHA256"

    let processes: Int
    let connectionsPerProcess: Int
    let placement: ChildProcess.Placement
    /// Where the processes write their reports.
    let folder: String

    var connections: Int { processes * connectionsPerProcess }

    /// `requests` rounded up, so that each connection has as many as the others.
    func round(_ requests: Int) -> Int { max(1, (requests + connections - 1) / connections) * connections }

    /// Sends `requests` (a multiple of `connections`) and returns the seconds from the first start to the last end.
    /// Throws unless each was answered 2xx, over the protocol and cipher asked for, with bodies of the right length.
    func run(_ workload: Workload, requests: Int, on server: RunningServer) throws -> Double {
        let started = Clock.monotonicMicroseconds()
        let children = try (0..<processes).map { client in
            let address = try server.address(workload.object, client: client)
            return try ChildProcess(
                command(workload, requests: requests / processes, address: address), on: placement,
                output: folder + "/h2load-\(client).log")
        }
        for child in children { try child.waitForSuccess(seconds: 300) }
        let seconds = Double(Clock.monotonicMicroseconds() - started) / 1e6
        try check(children.map { H2LoadOutput($0.output) }, workload, requests: requests)
        return seconds
    }

    private func command(_ workload: Workload, requests: Int, address: String) -> [String] {
        let version = workload.version == .http1 ? ["--h1"] : ["-m", String(workload.streams)]
        return ["h2load", "-c", String(connectionsPerProcess), "-n", String(requests)] + version
            + ["--tls13-ciphers=\(Self.cipher)", address]
    }

    private func check(_ outputs: [H2LoadOutput], _ workload: Workload, requests: Int) throws {
        let succeeded = outputs.reduce(0) { $0 + $1.succeeded }
        let bytes = outputs.reduce(0) { $0 + $1.bodyBytes }
        guard succeeded == requests, bytes == requests * workload.object.bytes else {
            throw BenchError(
                "\(succeeded) of \(requests) answers were 2xx, with \(bytes) bytes of "
                    + "bodies instead of \(requests * workload.object.bytes); see \(folder)")
        }
        for output in outputs where output.cipher != Self.cipher || output.alpn != workload.version.alpn {
            throw BenchError(
                "the connection was \(output.cipher) and \(output.alpn), not "
                    + "\(Self.cipher) and \(workload.version.alpn)")
        }
    }
}
