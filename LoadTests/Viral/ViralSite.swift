// SPDX-License-Identifier: Apache-2.0
//
// Owns the servers of a viral test, which end with `stop`. The origin is part of this process and lives as long as it.

/// An origin that counts, a shield before it, and edges before that.
final class ViralSite {
    let folder: BenchFolder
    let object: BenchObject
    let body: [UInt8]
    let shield: ViralNode
    private(set) var edges: [ViralNode] = []
    private let origin: FixedUpstream
    /// Asked for to learn the origin's own delay.
    private static let probePath = "/v/bench/probe.bin"
    private static let probes = 3

    /// Throws when one of them does not start; nothing is left running then.
    init(_ settings: ViralSettings) throws {
        folder = try BenchFolder(path: settings.folder)
        object = BenchObject(file: "viral.bin", title: "the object", bytes: settings.bytes)
        body = object.makeBody()
        origin = try FixedUpstream(
            bodies: [object.path: body, Self.probePath: body], delayMilliseconds: settings.delayMilliseconds)
        shield = try ViralNode(
            .shield, name: "shield", program: settings.program, upstreamPort: origin.port, folder: folder)
        do {
            for number in 1...settings.edges {
                edges.append(
                    try ViralNode(
                        .edge, name: "edge-\(number)", program: settings.program, upstreamPort: shield.port,
                        folder: folder))
            }
        } catch {
            stop()
            throw error
        }
    }

    /// How long the origin takes to the first byte of the object by itself, on the idle machine: the median of three.
    func measureOrigin() throws -> Int64 {
        let times = try (0..<Self.probes).map { _ in
            try PlainRequest.get(Self.probePath, port: origin.port).firstByteMicroseconds
        }
        return times.sorted()[Self.probes / 2]
    }

    /// Where client number `client` connects to and what it asks for: a token of its own, the edges in turn.
    func plan(client: Int) throws -> (port: Int, path: String) {
        (edges[client % edges.count].port, try folder.signedPath(object, client: client))
    }

    /// What the nodes have counted so far.
    func tally() throws -> ViralTally {
        var tally = ViralTally()
        tally.originRequests = origin.requestCount
        tally.shieldRequests = try shield.counter("spillway_requests_total")
        for edge in edges {
            tally.hits += try edge.counter("spillway_cache_hits_total")
            tally.collapsed += try edge.counter("spillway_cache_collapsed_total")
            tally.edgeCPUSeconds += edge.cpuSeconds
        }
        return tally
    }

    /// What the edges hold in memory.
    var edgeMemory: ProcessMemory {
        edges.map(\.memory).reduce(into: ProcessMemory(resident: 0, anonymous: 0)) { sum, memory in
            sum.resident += memory.resident
            sum.anonymous += memory.anonymous
        }
    }

    func stop() {
        for edge in edges { edge.stop() }
        shield.stop()
    }
}

/// Counters of the servers at one moment, or between two.
struct ViralTally: Codable, Equatable {
    /// GETs that the origin got.
    var originRequests = 0
    /// Requests that the shield got from the edges.
    var shieldRequests = 0
    /// At the edges: answered from what was there, with a head at least.
    var hits = 0
    /// At the edges: waited for a fill that another request had started.
    var collapsed = 0
    /// In steps of 10 ms.
    var edgeCPUSeconds = 0.0

    static func - (left: ViralTally, right: ViralTally) -> ViralTally {
        ViralTally(
            originRequests: left.originRequests - right.originRequests,
            shieldRequests: left.shieldRequests - right.shieldRequests, hits: left.hits - right.hits,
            collapsed: left.collapsed - right.collapsed, edgeCPUSeconds: left.edgeCPUSeconds - right.edgeCPUSeconds)
    }
}
