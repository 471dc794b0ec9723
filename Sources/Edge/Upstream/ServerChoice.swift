// SPDX-License-Identifier: Apache-2.0

import Base
import Glibc
import Net

/// Which server a key belongs to. Pure: the same on every node that has the same list.
///
/// Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998): each server has
/// a score for each key, the highest one wins, and a server that goes moves only its own keys, each to the next one in
/// its order. Weights as in Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005. On top of it the
/// bound of Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018: a server that has more
/// than `loadFactor` times its share of the fetches under way passes new ones on to the next in the key's order.
struct ServerChoice: Sendable {
    private struct Server: Sendable {
        var seed: UInt64
        var weight: Int
    }

    /// Fewer fetches than this under way at a server are no load: so few are spread by chance, and to pass them on would
    /// only have two servers fetch the same.
    static let loadMin = 16

    private let servers: [Server]
    private let hasEqualWeights: Bool
    private let loadFactor: Double

    /// `loadFactor` is above 1, or 0 for no bound.
    init(_ servers: [UpstreamServer], loadFactor: Double) {
        // The seed depends on the address alone: all edges must agree.
        self.servers = servers.map { server in
            Server(seed: Self.hash(server.endpoint.description.utf8), weight: server.weight)
        }
        hasEqualWeights = Set(servers.map(\.weight)).count <= 1
        self.loadFactor = loadFactor
    }

    /// FNV-1a.
    static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// The indices of all servers in the order in which they are to be asked for a key with this hash.
    func order(_ key: UInt64) -> [Int] {
        let scores = servers.map { score(key, $0) }
        return servers.indices.sorted { scores[$0] > scores[$1] }
    }

    /// The first server of the key's order that `isEligible` and is not loaded beyond the bound; nil when none is eligible.
    /// `load` gives the fetches under way at a server.
    func choose(_ key: UInt64, isEligible: (Int) -> Bool, load: (Int) -> Int) -> Int? {
        let eligible = order(key).filter(isEligible)
        guard loadFactor > 0, eligible.count > 1 else { return eligible.first }
        // The fetch that is to be placed counts.
        let total = Double(eligible.reduce(1) { $0 + load($1) })
        let weights = Double(eligible.reduce(0) { $0 + servers[$1].weight })
        let first = eligible.first { server in
            let share = total * Double(servers[server].weight) / weights
            return load(server) < max(Self.loadMin, Int((loadFactor * share).rounded(.up)))
        }
        return first ?? eligible.first
    }

    private func score(_ key: UInt64, _ server: Server) -> Double {
        var value = key ^ server.seed
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        value ^= value >> 31
        // Between 0 and 1, neither included; with equal weights no logarithm can make two nodes differ.
        let unit = (Double(value >> 11) + 0.5) / 9_007_199_254_740_992
        return hasEqualWeights ? unit : -Double(server.weight) / log(unit)
    }
}
