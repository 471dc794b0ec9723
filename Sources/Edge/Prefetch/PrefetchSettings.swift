// SPDX-License-Identifier: Apache-2.0

/// `prefetch` of edge.conf: when and how far the edge fetches ahead of its clients.
struct PrefetchSettings: Sendable, Equatable {
    var isEnabled = true
    /// Segments behind the one that a client takes.
    var segmentsAhead = 1
    /// Fetches ahead of one worker at once.
    var concurrentMax = 16
    /// A longer response is given up, unless a client has asked for it by then.
    var objectBytesMax = 16 << 20
    /// Of what bodies may take in memory (`BodyMemory.limitBytes`), in per cent; beyond it nothing is fetched ahead.
    var memoryPercentMax = 80
}

/// Why something was not fetched ahead.
enum PrefetchSkip: Int, CaseIterable {
    /// It is stored, or on its way.
    case present
    /// So many fetches are under way, ahead or for clients, or no server is up.
    case busy
    /// Memory is nearly used up.
    case memory
    /// Known not to be shared.
    case uncacheable
    /// A player named what is not in the folder of its request.
    case foreign

    var name: String {
        switch self {
        case .present: "present"
        case .busy: "busy"
        case .memory: "memory"
        case .uncacheable: "uncacheable"
        case .foreign: "foreign"
        }
    }
}
