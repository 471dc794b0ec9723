// SPDX-License-Identifier: Apache-2.0

/// What the edge is to reach beside a peer: its processor time over the peer's, at most.
struct Bar: Equatable, Sendable {
    let object: BenchObject
    let version: Workload.HTTPVersion
    let peer: String
    let ratioMax: Double

    static let all = [
        Bar(object: .small, version: .http2, peer: H2ORecipe.name, ratioMax: 1.0),
        Bar(object: .small, version: .http2, peer: NginxRecipe.name, ratioMax: 0.25),
        Bar(object: .segment, version: .http2, peer: H2ORecipe.name, ratioMax: 0.95),
        Bar(object: .segment, version: .http2, peer: NginxRecipe.name, ratioMax: 0.7),
        Bar(object: .large, version: .http2, peer: H2ORecipe.name, ratioMax: 0.95),
        Bar(object: .large, version: .http2, peer: NginxRecipe.name, ratioMax: 0.7),
        Bar(object: .small, version: .http1, peer: NginxRecipe.name, ratioMax: 1.0),
        Bar(object: .segment, version: .http1, peer: NginxRecipe.name, ratioMax: 1.0),
    ]

    static func find(_ workload: Workload, peer: String) -> Bar? {
        all.first { $0.object == workload.object && $0.version == workload.version && $0.peer == peer }
    }

    /// `<= 0.95 reached` or `<= 0.95 missed`.
    func verdict(_ ratio: Double) -> String { barVerdict(ratio, atMost: ratioMax) }
}

func barVerdict(_ ratio: Double, atMost limit: Double) -> String {
    "\u{2264} \(decimal(limit, 2)) \(ratio <= limit ? "reached" : "missed")"
}
