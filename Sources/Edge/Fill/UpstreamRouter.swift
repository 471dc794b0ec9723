// SPDX-License-Identifier: Apache-2.0

import Base
import Net

/// Chooses the upstream server for a key: rendezvous hashing (Thaler and Ravishankar, 1998), so that every
/// edge sends a key to the same shield, and a lost server moves only its own keys. A server that refused a
/// connection is passed over for a while. One per worker; belongs to its thread.
final class UpstreamRouter {
    private static let downMilliseconds: Int64 = 2000

    private struct Server {
        let pool: UpstreamPool
        let seed: UInt64
        var downUntilMilliseconds: Int64 = 0
    }

    private var servers: [Server]
    /// Pools of servers that a reload has removed, until their last response is over.
    private var retired: [UpstreamPool] = []
    private let loop: EventLoop

    init(servers: [Endpoint], loop: EventLoop, limits: UpstreamLimits) {
        self.loop = loop
        self.servers = servers.map { server in
            Server(pool: UpstreamPool(server: server, loop: loop, limits: limits), seed: Self.seed(server))
        }
    }

    /// The seed depends on the address alone: all edges must agree.
    private static func seed(_ server: Endpoint) -> UInt64 {
        server.description.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// Takes other servers and limits. Connections to a server that stays are kept; those to one that goes are closed when
    /// their responses are over.
    func apply(servers wanted: [Endpoint], limits: UpstreamLimits) {
        let present = servers
        servers = wanted.map { server in
            guard let known = present.first(where: { $0.pool.server == server }) else {
                return Server(pool: UpstreamPool(server: server, loop: loop, limits: limits), seed: Self.seed(server))
            }
            known.pool.limits = limits
            return known
        }
        for server in present where !wanted.contains(server.pool.server) {
            server.pool.retire()
            retired.append(server.pool)
        }
    }

    /// Call now and then: forgets pools that have nothing left to do.
    func turn() {
        if !retired.isEmpty { retired.removeAll(where: \.isEmpty) }
    }

    var count: Int { servers.count }

    /// The server for the `attempt`-th try (from 0) of a key: the healthy ones in the key's order, then the others.
    func pool(for key: CacheKey, attempt: Int) -> UpstreamPool {
        let keyHash = key.bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let ordered = servers.indices.sorted { left, right in
            let isLeftUp = servers[left].downUntilMilliseconds <= loop.now
            let isRightUp = servers[right].downUntilMilliseconds <= loop.now
            guard isLeftUp == isRightUp else { return isLeftUp }
            return weight(keyHash, servers[left].seed) > weight(keyHash, servers[right].seed)
        }
        return servers[ordered[attempt % ordered.count]].pool
    }

    /// The server of this pool refused a connection.
    func failed(_ pool: UpstreamPool) {
        guard let server = servers.firstIndex(where: { $0.pool === pool }) else { return }
        servers[server].downUntilMilliseconds = loop.now + Self.downMilliseconds
    }

    private func weight(_ key: UInt64, _ seed: UInt64) -> UInt64 {
        var value = key ^ seed
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
