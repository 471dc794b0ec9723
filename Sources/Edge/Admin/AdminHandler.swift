// SPDX-License-Identifier: Apache-2.0
//
// All of this is the main thread's. A purge waits here for the disk; the workers do not.

import Base
import Cache
import Net

/// The administration interface: `/healthz`, `/metrics` and `POST /purge`, HTTP/1.1 without TLS, on the main thread.
/// Meant for the loopback interface or an internal network.
final class AdminHandler: RequestHandler {
    /// The default limits, but with room for the items of a large purge.
    static let limits: ServerLimits = {
        var limits = ServerLimits()
        limits.headerBytesMax = 65_536
        limits.targetBytesMax = 60_000
        return limits
    }()

    private let metrics: EdgeMetrics
    private let draining: DrainState
    private let purges: PurgeState
    /// What opens `/purge`; nil: nothing does. A reload gives it others.
    var tokens: BearerTokens?
    /// What purges of one site mean; a reload gives others.
    var scopes = PurgeScopes()

    /// While `draining`, /healthz answers 503, so that load balancers send nobody any more.
    init(metrics: EdgeMetrics, draining: DrainState, purges: PurgeState) {
        self.metrics = metrics
        self.draining = draining
        self.purges = purges
    }

    override func handle(_ exchange: Exchange, _ request: borrowing RequestHead) {
        let target = request.target
        let queryStart = target.position(of: UInt8(ascii: "?")) ?? target.count
        if target.slice(0..<queryStart).equals("/purge") {
            return purge(exchange, request, query: target.slice(min(queryStart + 1, target.count)..<target.count))
        }
        guard exchange.method == .get || exchange.method == .head else {
            return respond(exchange, 405, "text/plain", "Only GET and HEAD are allowed here.\n", allow: "GET, HEAD")
        }
        if target.equals("/healthz") {
            let isDraining = draining.isDraining
            let text = "{\"status\":\"\(isDraining ? "draining" : "ok")\"}\n"
            respond(exchange, isDraining ? 503 : 200, "application/json", text)
        } else if target.equals("/metrics") {
            respond(exchange, 200, "text/plain; version=0.0.4", metrics.text())
        } else {
            respond(exchange, 404, "text/plain", "There are /healthz, /metrics and /purge.\n")
        }
    }

    private func purge(_ exchange: Exchange, _ request: borrowing RequestHead, query: UnsafeRawBufferPointer) {
        guard let tokens else {
            return refuse(exchange, 403, "purges are off: the configuration has no admin.tokenFile")
        }
        guard exchange.method == .post else {
            return respond(exchange, 405, "text/plain", "Only POST is allowed here.\n", allow: "POST")
        }
        guard tokens.accept(authorization: request.authorization) else {
            Log.warning("A purge was refused: no token, or a wrong one", ["client": exchange.peerAddress()])
            return refuse(exchange, 401, "a bearer token of admin.tokenFile is needed")
        }
        do {
            let asked = try PurgeRequest(query: query, scopes: scopes)
            let began = Clock.monotonicMicroseconds()
            let outcome = purges.purge(asked.rules)
            Log.info(
                "Purged",
                [
                    "items": asked.summary, "count": "\(asked.rules.count)",
                    "mode": asked.rules[0].isSoft ? "soft" : "hard", "generation": "\(outcome.generation)",
                    "persisted": "\(outcome.isPersisted)", "client": exchange.peerAddress(),
                    "microseconds": "\(Clock.monotonicMicroseconds() - began)",
                ])
            let text =
                "{\"generation\":\(outcome.generation),\"items\":\(asked.rules.count),"
                + "\"persisted\":\(outcome.isPersisted)}\n"
            // Whoever purges tries again until it would outlast a restart.
            respond(exchange, outcome.isPersisted ? 200 : 500, "application/json", text)
        } catch {
            refuse(exchange, 400, error.reason)
        }
    }

    private func refuse(_ exchange: Exchange, _ status: Int, _ reason: String) {
        respond(exchange, status, "application/json", "{\"error\":\(jsonString(reason))}\n")
    }

    private func respond(
        _ exchange: Exchange, _ status: Int, _ type: StaticString, _ text: String, allow: StaticString? = nil
    ) {
        let body = BytesBody(text.utf8)
        let response = exchange.begin(status: status)
        response.add("content-type", type)
        response.add("cache-control", "no-store")
        if let allow { response.add("allow", allow) }
        // RFC 6750 section 3.
        if status == 401 { response.add("www-authenticate", "Bearer realm=\"spillway\"") }
        response.add("content-length", number: body.count)
        exchange.send(response, body: body, range: 0..<body.count)
    }
}
