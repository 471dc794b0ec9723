// SPDX-License-Identifier: Apache-2.0

import Net

/// The administration interface: `/healthz` and `/metrics`, HTTP/1.1 without TLS, on the main thread.
/// Meant for the loopback interface or an internal network.
final class AdminHandler: RequestHandler {
    private let metrics: EdgeMetrics
    private let draining: DrainState

    /// While `draining`, /healthz answers 503, so that load balancers send nobody any more.
    init(metrics: EdgeMetrics, draining: DrainState) {
        self.metrics = metrics
        self.draining = draining
    }

    override func handle(_ exchange: Exchange, _ request: borrowing RequestHead) {
        guard exchange.method == .get || exchange.method == .head else {
            return respond(exchange, 405, "text/plain", "Only GET and HEAD are allowed here.\n")
        }
        if request.target.equals("/healthz") {
            let isDraining = draining.isDraining
            let text = "{\"status\":\"\(isDraining ? "draining" : "ok")\"}\n"
            respond(exchange, isDraining ? 503 : 200, "application/json", text)
        } else if request.target.equals("/metrics") {
            respond(exchange, 200, "text/plain; version=0.0.4", metrics.text())
        } else {
            respond(exchange, 404, "text/plain", "There are /healthz and /metrics.\n")
        }
    }

    private func respond(_ exchange: Exchange, _ status: Int, _ type: StaticString, _ text: String) {
        let body = BytesBody(text.utf8)
        let response = exchange.begin(status: status)
        response.add("content-type", type)
        response.add("cache-control", "no-store")
        response.add("content-length", number: body.count)
        exchange.send(response, body: body, range: 0..<body.count)
    }
}
