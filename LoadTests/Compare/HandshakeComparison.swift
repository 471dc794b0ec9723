// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Glibc

/// What handshakes of one kind cost the servers: for each server the samples of all rounds; a sample's requests are
/// handshakes.
struct HandshakeResult: Codable {
    let kind: TLSClient.Kind
    var samples: [String: [Sample]]

    func ratio(_ server: String, to peer: String) -> Spread? {
        guard let ours = samples[server], let theirs = samples[peer] else { return nil }
        return Spread.ratios(ours.map(\.microsecondsPerRequest), to: theirs.map(\.microsecondsPerRequest))
    }
}

/// Processor time of a new TLS connection, from accept to close, in interleaved rounds.
struct HandshakeComparison {
    static let perSecond = 1000

    let servers: [RunningServer]
    let rounds: Int
    /// Seconds of one measurement at `perSecond` handshakes.
    let seconds: Double
    let log: (String) -> Void

    /// Throws when a handshake fails or is not of the kind asked for.
    func run() throws -> [HandshakeResult] {
        guard !servers.isEmpty else { return [] }
        return try [TLSClient.Kind.full, .resumed].map { kind in
            var result = HandshakeResult(kind: kind, samples: [:])
            for round in 0..<rounds {
                log("\(kind.rawValue) handshakes: round \(round + 1) of \(rounds)")
                let first = round % servers.count
                for server in servers[first...] + servers[..<first] {
                    do {
                        result.samples[server.name, default: []].append(try measure(server, kind))
                    } catch {
                        throw BenchError("\(server.name): \(error)")
                    }
                }
            }
            return result
        }
    }

    private func measure(_ server: RunningServer, _ kind: TLSClient.Kind) throws -> Sample {
        let client = try TLSClient(port: server.site.port, certificateFile: server.site.folder.certificate)
        // The first one gives the ticket of those that follow.
        try client.shakeHands(.full)
        let count = max(1, Int(seconds * Double(Self.perSecond)))
        let cpuBefore = server.cpuSeconds
        let started = Clock.monotonicMicroseconds()
        for index in 0..<count {
            let due = started + Int64(index * 1_000_000 / Self.perSecond)
            let early = due - Clock.monotonicMicroseconds()
            if early > 0 { usleep(UInt32(early)) }
            try client.shakeHands(kind)
        }
        // The last one's end is the server's work too.
        usleep(20_000)
        let wall = Double(Clock.monotonicMicroseconds() - started) / 1e6
        return Sample(requests: count, cpuSeconds: server.cpuSeconds - cpuBefore, wallSeconds: wall)
    }
}
