// SPDX-License-Identifier: Apache-2.0

import Net

/// The routers of one worker: one for each upstream, however many sites share it. Belongs to the worker's thread.
struct UpstreamRouters {
    private struct Entry {
        var route: String
        var router: UpstreamRouter
    }

    private let loop: EventLoop
    private let monitor: HealthMonitor
    /// In the order of the `UpstreamList`; the top level's is the first.
    private var entries: [Entry] = []
    /// Those that a reload has taken out of use, until the last request of their sites is over.
    private var retired: [UpstreamRouter] = []

    init(_ upstreams: UpstreamList, loop: EventLoop, monitor: HealthMonitor) {
        self.loop = loop
        self.monitor = monitor
        entries = upstreams.entries.map { Entry(route: $0.route, router: make($0.settings)) }
    }

    private func make(_ settings: UpstreamSettings) -> UpstreamRouter {
        UpstreamRouter(settings, loop: loop, monitor: monitor)
    }

    subscript(index: Int) -> UpstreamRouter { entries[index].router }

    /// Takes other upstreams. One that stays keeps its router, and so does the top level's, whatever it is now: its
    /// connections to servers that stay are kept.
    mutating func apply(_ upstreams: UpstreamList) {
        var left = Dictionary(entries.map { ($0.route, $0.router) }) { first, _ in first }
        let top = entries[0]
        let kept = upstreams.entries.map { left.removeValue(forKey: $0.route) }
        entries = zip(upstreams.entries, kept).enumerated().map { index, pair in
            let (wanted, known) = pair
            let reused = known ?? (index == 0 ? left.removeValue(forKey: top.route) : nil)
            reused?.apply(wanted.settings)
            return Entry(route: wanted.route, router: reused ?? make(wanted.settings))
        }
        for router in left.values {
            router.retire()
            retired.append(router)
        }
    }

    /// Call about ten times a second.
    mutating func turn() {
        for entry in entries { entry.router.turn() }
        guard !retired.isEmpty else { return }
        for router in retired { router.turn() }
        // A site that is gone may still have requests: while it is there it holds its router.
        retired = retired.indices.compactMap { index in
            isKnownUniquelyReferenced(&retired[index]) && retired[index].isEmpty ? nil : retired[index]
        }
    }
}
