// SPDX-License-Identifier: Apache-2.0
//
// Keeps the health of all upstream servers. One owner for the whole process, the main thread: workers post what their
// requests have met to its loop and read the verdict from `ServerHealth`, so that all of them agree without a lock, a
// server gets one check for each node and not one for each worker, and a worker that is busy for a while takes no
// healthy server for a slow one. Only `record(for:)` and `report` may be called on other threads.

import Base
import Net
import Synchronization

/// The judge of all servers. See the head of the file.
///
/// `@unchecked Sendable` because other threads only call `record(for:)`, which takes a lock, and `report`, which posts to the
/// loop of the one thread that touches the rest.
final class HealthMonitor: @unchecked Sendable {
    /// What requests and checks have met.
    enum Event: Sendable {
        case succeeded(startedMilliseconds: Int64)
        case failed(reason: String)
        case trialBegan
        case trialAbandoned
        case checkSucceeded
        case checkFailed(reason: String)
    }

    private struct Watched {
        let record: ServerHealth
        var machine: HealthMachine
        var probe: HealthProbe?
        var publishedState = HealthMachine.State.up
        /// Whether the log's latest word on it was that it is up.
        var isLoggedUp = true
    }

    private let records = Mutex<[Endpoint: ServerHealth]>([:])
    private let loop: EventLoop
    private var watched: [Endpoint: Watched] = [:]
    /// In the order of the configuration, for the metrics.
    private(set) var servers: [ServerHealth] = []

    init(loop: EventLoop, upstreams: [UpstreamSettings]) {
        self.loop = loop
        apply(upstreams)
    }

    /// Takes other servers and settings. What is known of a server that stays is kept. A server that several upstreams have
    /// is one server, and is judged as the first of them says.
    func apply(_ upstreams: [UpstreamSettings]) {
        var endpoints: Set<Endpoint> = []
        let wanted = upstreams.flatMap { settings in
            (settings.servers + settings.fallback).filter { endpoints.insert($0.endpoint).inserted }
                .map { (server: $0, settings: settings) }
        }
        for (endpoint, entry) in watched where !endpoints.contains(endpoint) {
            entry.probe?.stop()
            watched[endpoint] = nil
            records.withLock { $0[endpoint] = nil }
        }
        for (server, settings) in wanted {
            var entry =
                watched[server.endpoint]
                ?? Watched(record: record(for: server.endpoint), machine: HealthMachine(settings.health))
            entry.machine.apply(settings.health)
            entry.probe?.stop()
            entry.probe = settings.health.check.map { HealthProbe($0, server, settings, loop: loop, monitor: self) }
            watched[server.endpoint] = entry
            publish(server.endpoint, reason: "other settings")
        }
        servers = wanted.compactMap { watched[$0.server.endpoint]?.record }
    }

    /// Call about ten times a second.
    func turn() {
        // Place by place: a list of the keys or places would make the table copy itself at each change.
        var place = watched.startIndex
        while place != watched.endIndex {
            watched.values[place].machine.advance(nowMilliseconds: loop.now)
            publish(watched[place].key, reason: "")
            watched[place].value.probe?.turn(nowMilliseconds: loop.now)
            watched.formIndex(after: &place)
        }
    }

    /// The record of a server; from any thread.
    func record(for endpoint: Endpoint) -> ServerHealth {
        records.withLock { records in
            if let known = records[endpoint] { return known }
            let made = ServerHealth(endpoint)
            records[endpoint] = made
            return made
        }
    }

    /// A request or a check has met this; from any thread.
    func report(_ event: Event, of endpoint: Endpoint) {
        loop.mailbox.post { [self] in take(event, endpoint) }
    }

    private func take(_ event: Event, _ endpoint: Endpoint) {
        guard watched[endpoint] != nil else { return }
        let now = loop.now
        var reason = ""
        watched[endpoint]?.machine.advance(nowMilliseconds: now)
        switch event {
        case .succeeded(let started):
            watched[endpoint]?.machine.requestSucceeded(startedMilliseconds: started)
        case .failed(let why):
            reason = "requests fail: \(why)"
            watched[endpoint]?.machine.requestFailed(nowMilliseconds: now)
        case .trialBegan: watched[endpoint]?.machine.trialBegan(nowMilliseconds: now)
        case .trialAbandoned: watched[endpoint]?.machine.trialAbandoned()
        case .checkSucceeded: watched[endpoint]?.machine.checkSucceeded()
        case .checkFailed(let why):
            reason = "checks fail: \(why)"
            watched[endpoint]?.machine.checkFailed()
        }
        publish(endpoint, reason: reason)
    }

    /// Tells the workers, and the log when the server has gone or come back.
    private func publish(_ endpoint: Endpoint, reason: String) {
        guard let entry = watched[endpoint] else { return }
        let state = entry.machine.state
        // A worker may just have taken a trial that has not been reported yet: a half-open state is published once.
        if state != .halfOpen || entry.publishedState != .halfOpen { entry.record.publish(entry.machine) }
        watched[endpoint]?.publishedState = state
        if state == .up, !entry.isLoggedUp {
            Log.info("An upstream server is up again", ["server": "\(endpoint)"])
            watched[endpoint]?.isLoggedUp = true
        } else if state == .paused || state == .down, entry.isLoggedUp {
            Log.warning("An upstream server is down", ["server": "\(endpoint)", "reason": reason])
            watched[endpoint]?.isLoggedUp = false
        }
    }
}
