// SPDX-License-Identifier: Apache-2.0

import Base
import Net

extension EdgeConfiguration {
    /// Reads `upstream:`.
    mutating func readUpstream(_ section: ConfigurationSection) {
        let servers = section.strings("servers")
        for text in servers {
            if let endpoint = Endpoint(text) {
                upstreams.append(endpoint)
            } else {
                section.report(
                    "servers", "holds `\(text)`; a numeric address with a port is allowed, such as 127.0.0.1:8500")
            }
        }
        if servers.isEmpty { section.report("servers", "needs at least one server, such as 127.0.0.1:8500") }
        func milliseconds(_ key: String, _ fallback: Int64) -> Int64 {
            Int64(section.integer(key, default: Int(fallback), in: 10...600_000))
        }
        upstreamLimits.connectTimeoutMilliseconds = milliseconds(
            "connectTimeoutMilliseconds", upstreamLimits.connectTimeoutMilliseconds)
        upstreamLimits.firstByteTimeoutMilliseconds = milliseconds(
            "firstByteTimeoutMilliseconds", upstreamLimits.firstByteTimeoutMilliseconds)
        upstreamLimits.stallTimeoutMilliseconds = milliseconds(
            "stallTimeoutMilliseconds", upstreamLimits.stallTimeoutMilliseconds)
        upstreamLimits.idleTimeoutMilliseconds = milliseconds(
            "idleTimeoutMilliseconds", upstreamLimits.idleTimeoutMilliseconds)
        upstreamLimits.connectionsMax = section.integer(
            "connections", default: upstreamLimits.connectionsMax, in: 1...4096)
    }
}
