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
    private let loop: EventLoop

    init(servers: [Endpoint], loop: EventLoop, limits: UpstreamLimits) {
        self.loop = loop
        self.servers = servers.map { server in
            // The seed depends on the address alone: all edges must agree.
            let seed = server.description.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
                ($0 ^ UInt64($1)) &* 0x100_0000_01B3
            }
            return Server(pool: UpstreamPool(server: server, loop: loop, limits: limits), seed: seed)
        }
    }

    var count: Int { servers.count }

    /// The server for the `attempt`-th try (from 0) of a key: the healthy ones in the key's order, then the others.
    func server(for key: CacheKey, attempt: Int) -> Int {
        let keyHash = key.bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let ordered = servers.indices.sorted { left, right in
            let isLeftUp = servers[left].downUntilMilliseconds <= loop.now
            let isRightUp = servers[right].downUntilMilliseconds <= loop.now
            guard isLeftUp == isRightUp else { return isLeftUp }
            return weight(keyHash, servers[left].seed) > weight(keyHash, servers[right].seed)
        }
        return ordered[attempt % ordered.count]
    }

    func pool(_ server: Int) -> UpstreamPool { servers[server].pool }

    func failed(_ server: Int) {
        servers[server].downUntilMilliseconds = loop.now + Self.downMilliseconds
    }

    private func weight(_ key: UInt64, _ seed: UInt64) -> UInt64 {
        var value = key ^ seed
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
