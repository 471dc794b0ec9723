// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net

/// One try of a request at one server. Stands between the pool and the request's own handler, and tells the server's
/// health what has come of it. Holds its handler until it is over.
final class UpstreamFetch: UpstreamHandler {
    let server: UpstreamServer
    private let route: UpstreamRoute
    private let pool: UpstreamPool
    private let record: ServerHealth
    private let monitor: HealthMonitor
    private let countsServerErrors: Bool
    private let isTrial: Bool
    private let startedMilliseconds: Int64
    private var handler: UpstreamHandler?
    private var ticket: UpstreamTicket?
    /// The health of the server has been told of this try.
    private var hasVerdict = false

    init(
        _ route: UpstreamRoute, pool: UpstreamPool, record: ServerHealth, monitor: HealthMonitor,
        countsServerErrors: Bool, isTrial: Bool, startedMilliseconds: Int64, handler: UpstreamHandler
    ) {
        server = pool.server
        self.route = route
        self.pool = pool
        self.record = record
        self.monitor = monitor
        self.countsServerErrors = countsServerErrors
        self.isTrial = isTrial
        self.startedMilliseconds = startedMilliseconds
        self.handler = handler
    }

    func start(_ request: UpstreamRequest) {
        route.visit(server.endpoint)
        record.inFlight.add()
        if isTrial { monitor.report(.trialBegan, of: server.endpoint) }
        ticket = pool.start(request, fairness: route.fairness, self)
    }

    /// Gives the try up; its handler is not called any more.
    func cancel() {
        guard handler != nil else { return }
        settle()
        if let ticket { pool.cancel(ticket) }
    }

    /// Stops reading the body until `resume`.
    func pause() {
        if let ticket { pool.pause(ticket) }
    }

    func resume() {
        if let ticket { pool.resume(ticket) }
    }

    override func received(interim response: UpstreamResponse) { handler?.received(interim: response) }

    override func received(_ response: UpstreamResponse) -> Bool {
        if response.status >= 500, countsServerErrors {
            blame("status \(response.status)")
        } else {
            praise()
        }
        guard handler?.received(response) == true else {
            settle()
            return false
        }
        return true
    }

    override func received(body: UnsafeRawBufferPointer) -> Bool {
        guard handler?.received(body: body) == true else {
            settle()
            return false
        }
        return true
    }

    override func ended() {
        let handler = handler
        settle()
        handler?.ended()
    }

    override func failed(_ failure: UpstreamFailure) {
        switch failure {
        // Nothing that the server is to blame for.
        case .overloaded, .cancelled, .closedBeforeResponse(reused: true, _): break
        case .connectFailed, .connectTimeout, .tls:
            route.failedToReach(server.endpoint)
            blame("\(failure)")
        case .closedBeforeResponse, .firstByteTimeout, .stallTimeout, .malformed, .closedInBody: blame("\(failure)")
        }
        let handler = handler
        settle()
        handler?.failed(failure)
    }

    private func praise() {
        hasVerdict = true
        guard isTrial || record.wantsSuccesses else { return }
        monitor.report(.succeeded(startedMilliseconds: startedMilliseconds), of: server.endpoint)
    }

    private func blame(_ reason: String) {
        hasVerdict = true
        record.failures.add()
        monitor.report(.failed(reason: reason), of: server.endpoint)
    }

    /// It is over; once.
    private func settle() {
        guard handler != nil else { return }
        handler = nil
        record.inFlight.add(-1)
        if isTrial, !hasVerdict { monitor.report(.trialAbandoned, of: server.endpoint) }
    }
}

extension FillMachine.Failure {
    /// What a failed try means for a fill.
    init(_ failure: UpstreamFailure) {
        switch failure {
        case .closedBeforeResponse(reused: true, let sent): self = .staleConnection(isUnsent: !sent)
        case .connectFailed, .connectTimeout: self = .unreached
        case .overloaded: self = .overloaded
        case .firstByteTimeout: self = .timeout
        default: self = failure.isUnsent ? .unsent : .server
        }
    }
}
