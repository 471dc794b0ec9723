// SPDX-License-Identifier: Apache-2.0
//
// The checks of one upstream server: a GET every so often on a kept connection. Belongs to its monitor and thread. One
// check at a time; one that is late is given up and counts as bad.

import Base
import Net

/// Checks one server. See the head of the file.
final class HealthProbe: UpstreamHandler {
    private static let bodyBytesMax = 65_536

    private let check: HealthCheck
    private let endpoint: Endpoint
    private let pool: UpstreamPool
    private let request: UpstreamRequest?
    private unowned let monitor: HealthMonitor
    private let record: ServerHealth
    private var ticket: UpstreamTicket?
    private var status = 0
    private var bodyBytes = 0
    private var startedMilliseconds: Int64 = 0
    private var nextMilliseconds: Int64 = 0

    init(
        _ check: HealthCheck, _ server: UpstreamServer, _ settings: UpstreamSettings, loop: EventLoop,
        monitor: HealthMonitor
    ) {
        self.check = check
        self.monitor = monitor
        endpoint = server.endpoint
        record = monitor.record(for: server.endpoint)
        var limits = UpstreamLimits()
        // The check has its own time limit, which is more exact.
        limits.connectTimeoutMilliseconds = 2 * check.timeoutMilliseconds
        limits.idleTimeoutMilliseconds = 2 * check.intervalMilliseconds + 1000
        limits.idleConnectionsMax = 1
        pool = UpstreamPool(
            server: server, loop: loop, limits: limits, tls: settings.tlsContext, tlsName: settings.tls.serverName)
        var host: [UInt8]?
        if case .text(let text) = settings.hostHeader { host = Array(text.utf8) }
        request = UpstreamRequest(
            method: Array("GET".utf8), target: Array(check.path.utf8), host: host,
            fields: [(Array("user-agent".utf8), Array("spillway-health".utf8))])
    }

    /// Begins a check when it is time, and gives up one that is late.
    func turn(nowMilliseconds now: Int64) {
        pool.turn()
        if let running = ticket {
            guard now - startedMilliseconds >= check.timeoutMilliseconds else { return }
            pool.cancel(running)
            fail("no answer in time")
        } else if now >= nextMilliseconds, let request {
            startedMilliseconds = now
            // Not all nodes in the same moment.
            nextMilliseconds = now + check.intervalMilliseconds * .random(in: 90...110) / 100
            status = 0
            bodyBytes = 0
            ticket = pool.start(request, self)
        }
    }

    /// No further checks. The pool's connection is closed.
    func stop() {
        if let ticket { pool.cancel(ticket) }
        ticket = nil
        nextMilliseconds = .max
        pool.retire()
    }

    override func received(_ response: UpstreamResponse) -> Bool {
        status = response.status
        return true
    }

    override func received(body: UnsafeRawBufferPointer) -> Bool {
        bodyBytes += body.count
        guard bodyBytes > Self.bodyBytesMax else { return true }
        // Nobody asked for a film.
        judge()
        return false
    }

    override func ended() { judge() }

    override func failed(_ failure: UpstreamFailure) { fail("\(failure)") }

    private func judge() {
        let isGood = check.expectedStatus == 0 ? (200..<400).contains(status) : status == check.expectedStatus
        guard isGood else { return fail("status \(status)") }
        ticket = nil
        record.checks.add()
        monitor.report(.checkSucceeded, of: endpoint)
    }

    private func fail(_ reason: String) {
        ticket = nil
        record.checks.add()
        record.checksFailed.add()
        monitor.report(.checkFailed(reason: reason), of: endpoint)
    }
}
