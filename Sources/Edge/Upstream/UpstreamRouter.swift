// SPDX-License-Identifier: Apache-2.0
//
// The way upstream of one worker: a pool for each server, and the choice among them. Belongs to the worker's thread; what
// workers share of a server is its `ServerHealth`.

import Base
import Net

/// Chooses the upstream server of each request: the key's own by `ServerChoice`, the next in its order while that is
/// down, the fallback only while all are. See the head of the file.
final class UpstreamRouter {
    private struct Server {
        let pool: UpstreamPool
        let record: ServerHealth
    }

    /// Servers among which a choice is made.
    private struct Group {
        var servers: [Server] = []
        var choice = ServerChoice([], loadFactor: 0)
    }

    private let loop: EventLoop
    private let monitor: HealthMonitor
    private let gate: FetchGate
    private var settings: UpstreamSettings
    private var shields = Group()
    private var fallback = Group()
    /// Pools of servers that a reload has removed, until their last response is over.
    private var retired: [UpstreamPool] = []

    init(_ settings: UpstreamSettings, loop: EventLoop, monitor: HealthMonitor) {
        self.loop = loop
        self.monitor = monitor
        self.settings = settings
        gate = FetchGate(loop: loop, limits: settings.limits)
        shields = makeGroup(settings.servers)
        fallback = makeGroup(settings.fallback)
    }

    /// Takes other servers and limits. Connections to a server that stays are kept; those to one that goes, and all of them
    /// when TLS is another, are closed when their responses are over.
    func apply(_ settings: UpstreamSettings) {
        let present = (shields.servers + fallback.servers).map(\.pool)
        self.settings = settings
        gate.apply(settings.limits)
        shields = makeGroup(settings.servers, from: present)
        fallback = makeGroup(settings.fallback, from: present)
        let kept = (shields.servers + fallback.servers).map(\.pool)
        for pool in present where !kept.contains(where: { $0 === pool }) {
            pool.retire()
            retired.append(pool)
        }
    }

    /// The router is of no more use but for requests that have it already. Keep it, and `turn` it, until `isEmpty`.
    func retire() {
        for server in shields.servers + fallback.servers { server.pool.retire() }
    }

    /// No connection is open and no request waits.
    var isEmpty: Bool {
        retired.allSatisfy(\.isEmpty) && (shields.servers + fallback.servers).allSatisfy(\.pool.isEmpty)
    }

    private func makeGroup(_ servers: [UpstreamServer], from present: [UpstreamPool] = []) -> Group {
        let made = servers.map { server in
            Server(pool: pool(server, from: present), record: monitor.record(for: server.endpoint))
        }
        return Group(servers: made, choice: ServerChoice(servers, loadFactor: settings.loadFactor))
    }

    private func pool(_ server: UpstreamServer, from present: [UpstreamPool]) -> UpstreamPool {
        // A TLS context is made anew from its files at each reload, so such pools are never the same.
        if settings.tlsContext == nil, let known = present.first(where: { $0.server == server && !$0.usesTLS }) {
            known.limits = settings.limits
            return known
        }
        return UpstreamPool(
            server: server, loop: loop, limits: settings.limits, tls: settings.tlsContext,
            tlsName: settings.tls.serverName, gate: gate)
    }

    /// Call about ten times a second: gives up what has waited for too long, forgets pools that have nothing left to do.
    func turn() {
        for server in shields.servers { server.pool.turn() }
        for server in fallback.servers { server.pool.turn() }
        for pool in retired { pool.turn() }
        gate.turn()
        if !retired.isEmpty { retired.removeAll(where: \.isEmpty) }
    }

    /// How many servers one request may be sent to.
    var triesMax: Int { max(2, shields.servers.count + fallback.servers.count) }

    /// False while every server is down, so far as is known: a stale answer is better at once than after a failed try.
    var hasServerUp: Bool {
        shields.servers.contains { $0.record.state != .down && $0.record.state != .paused }
            || fallback.servers.contains { $0.record.isUp }
    }

    /// Half of the fetches that may be under way are, or some wait already: what nobody has asked for has to wait.
    var isBusy: Bool { gate.waitingCount > 0 || gate.runningCount * 2 >= settings.limits.fetchesMax }

    /// Sends a request to the next server of its route; what comes goes to `handler`, never before this has returned. Nil
    /// when there is no server that may be asked.
    func start(_ request: UpstreamRequest, on route: UpstreamRoute, _ handler: UpstreamHandler) -> UpstreamFetch? {
        guard let (server, isTrial) = choose(route, isIdempotent: request.isIdempotent) else { return nil }
        let fetch = UpstreamFetch(
            route, pool: server.pool, record: server.record, monitor: monitor,
            countsServerErrors: settings.health.countsServerErrors, isTrial: isTrial,
            startedMilliseconds: loop.now, handler: handler)
        fetch.start(request)
        return fetch
    }

    private func choose(_ route: UpstreamRoute, isIdempotent: Bool) -> (Server, isTrial: Bool)? {
        if let found = choose(in: shields, route, isIdempotent: isIdempotent) { return found }
        // Never round the shields while one of them is there for this request.
        let areShieldsGone = shields.servers.allSatisfy { server in
            !server.record.isUp || route.unreached.contains(server.pool.server.endpoint)
        }
        if areShieldsGone, let found = choose(in: fallback, route, isIdempotent: isIdempotent) { return found }
        return lastResort(route)
    }

    /// A server that is up and has not had this request; one that may be tried, by a request that may be sent again.
    private func choose(in group: Group, _ route: UpstreamRoute, isIdempotent: Bool) -> (Server, isTrial: Bool)? {
        var lost: [Int] = []
        while true {
            let index = group.choice.choose(route.keyHash) { index in
                let server = group.servers[index]
                guard !lost.contains(index), !route.tried.contains(server.pool.server.endpoint) else { return false }
                return server.record.isUp || (server.record.state == .halfOpen && isIdempotent)
            } load: { index in
                group.servers[index].record.inFlight.value
            }
            guard let index else { return nil }
            let server = group.servers[index]
            if server.record.isUp { return (server, false) }
            if server.record.takeTrial() { return (server, true) }
            // Somebody else tries it at this moment.
            lost.append(index)
        }
    }

    /// Nobody is up who has not had this request. Those of whom only requests have said that they are down are asked all
    /// the same, because that is how it is found that they are back: first who has not had this request, then who has.
    private func lastResort(_ route: UpstreamRoute) -> (Server, isTrial: Bool)? {
        let order = shields.choice.order(route.keyHash).map { shields.servers[$0] }.filter { $0.record.state != .down }
        let untried = order.first { !route.tried.contains($0.pool.server.endpoint) }
        return (untried ?? order.first { $0.record.isUp } ?? order.first).map { ($0, false) }
    }
}
