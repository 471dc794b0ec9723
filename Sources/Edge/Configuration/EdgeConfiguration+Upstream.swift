// SPDX-License-Identifier: Apache-2.0

import Base
import Net

extension EdgeConfiguration {
    /// Reads `upstream:`.
    mutating func readUpstream(_ section: ConfigurationSection) {
        let entries = section.entries("servers")
        if entries.isEmpty { section.report("servers", "needs at least one server, such as 127.0.0.1:8500") }
        upstream.servers = readServers(section, "servers", entries)
        upstream.fallback = readServers(section, "fallback", section.entries("fallback"))
        for server in upstream.fallback where upstream.servers.contains(where: { $0.endpoint == server.endpoint }) {
            section.report("fallback", "holds `\(server.endpoint)`, which stands in `servers`, too")
        }
        readUpstreamLimits(section)
        upstream.loadFactor = section.number("loadFactor", default: upstream.loadFactor, in: 0...100)
        if upstream.loadFactor != 0, upstream.loadFactor <= 1 {
            section.report("loadFactor", "is `\(upstream.loadFactor)`; 0, or a number above 1 is allowed")
        }
        readHostHeader(section)
        readUpstreamTLS(section.section("tls"))
        readUpstreamHealth(section)
    }

    /// Reads a site's `upstream:`. With `servers` it stands for itself, and nothing of the top level's counts: neither its
    /// fallback nor its TLS is of any use to another's servers. Without, only `hostHeader` may be another.
    mutating func readSiteUpstream(_ section: ConfigurationSection) {
        guard section.has("servers") else { return readHostHeader(section) }
        upstream = UpstreamSettings()
        readUpstream(section)
    }

    private func readServers(
        _ section: ConfigurationSection, _ key: String, _ entries: [ConfigurationSection.Entry]
    ) -> [UpstreamServer] {
        var servers: [UpstreamServer] = []
        for entry in entries {
            let found: UpstreamServer?
            switch entry {
            case .text(let text):
                found = Endpoint(text).map { UpstreamServer($0) }
                if found == nil {
                    section.report(
                        key, "holds `\(text)`; a numeric address with a port is allowed, such as 127.0.0.1:8500")
                }
            case .section(let entry): found = readServer(entry)
            }
            guard let found else { continue }
            if servers.contains(where: { $0.endpoint == found.endpoint }) {
                section.report(key, "holds `\(found.endpoint)` twice")
            } else {
                servers.append(found)
            }
        }
        if servers.count > UpstreamSettings.serversMax {
            section.report(key, "holds \(servers.count) servers; \(UpstreamSettings.serversMax) at most are allowed")
        }
        return servers
    }

    private func readServer(_ section: ConfigurationSection) -> UpstreamServer? {
        let endpoint = section.endpoint("endpoint")
        if !section.has("endpoint") { section.report("endpoint", "is required") }
        let name = readHost(section, "name")
        let weight = section.integer("weight", default: 1, in: 1...1000)
        return endpoint.map { UpstreamServer($0, name: name, weight: weight) }
    }

    /// A host name for a certificate and `Host`.
    private func readHost(_ section: ConfigurationSection, _ key: String) -> String? {
        guard let text = section.optionalString(key) else { return nil }
        guard UpstreamServer.isHostName(text) else {
            section.report(key, "is `\(text)`; a host name without a port is allowed, such as origin.example")
            return nil
        }
        return text
    }

    private mutating func readUpstreamLimits(_ section: ConfigurationSection) {
        func milliseconds(_ key: String, _ limit: WritableKeyPath<UpstreamLimits, Int64>) {
            let fallback = Int(upstream.limits[keyPath: limit])
            upstream.limits[keyPath: limit] = Int64(section.integer(key, default: fallback, in: 10...600_000))
        }
        milliseconds("connectTimeoutMilliseconds", \.connectTimeoutMilliseconds)
        milliseconds("firstByteTimeoutMilliseconds", \.firstByteTimeoutMilliseconds)
        milliseconds("stallTimeoutMilliseconds", \.stallTimeoutMilliseconds)
        milliseconds("idleTimeoutMilliseconds", \.idleTimeoutMilliseconds)
        milliseconds("queueMilliseconds", \.queueMilliseconds)
        upstream.limits.connectionsMax = section.integer(
            "connections", default: upstream.limits.connectionsMax, in: 1...4096)
        upstream.limits.fetchesMax = section.integer("fetchesMax", default: upstream.limits.fetchesMax, in: 1...65_536)
        upstream.limits.waitingMax = section.integer("waitingMax", default: upstream.limits.waitingMax, in: 0...65_536)
    }

    private mutating func readHostHeader(_ section: ConfigurationSection) {
        guard section.has("hostHeader") else { return }
        switch section.string("hostHeader", default: "server") {
        case "server": upstream.hostHeader = .server
        case "client": upstream.hostHeader = .client
        case let text:
            guard UpstreamServer.isAuthority(text) else {
                return section.report(
                    "hostHeader", "is `\(text)`; server, client, or a host with an optional port is allowed")
            }
            upstream.hostHeader = .text(text)
        }
    }

    private mutating func readUpstreamTLS(_ section: ConfigurationSection) {
        upstream.tls.isEnabled = section.boolean("enabled", default: upstream.tls.isEnabled)
        upstream.tls.serverName = readHost(section, "serverName")
        upstream.tls.authoritiesFile = section.optionalString("caFile")
        upstream.tls.authoritiesPlace = section.has("caFile") ? section.place(of: "caFile") : nil
        upstream.tls.verifiesServer = section.boolean("verify", default: upstream.tls.verifiesServer)
        guard section.has("certificate") || section.has("key") else { return }
        upstream.tls.certificate = TLS.Certificate(
            certificateFile: section.requiredString("certificate"), keyFile: section.requiredString("key"),
            certificatePlace: section.place(of: "certificate"), keyPlace: section.place(of: "key"))
    }

    private mutating func readUpstreamHealth(_ section: ConfigurationSection) {
        func milliseconds(_ section: ConfigurationSection, _ key: String, _ fallback: Int64) -> Int64 {
            Int64(section.integer(key, default: Int(fallback), in: 10...3_600_000))
        }
        upstream.health.failsMax = section.integer("maxFails", default: upstream.health.failsMax, in: 0...1000)
        upstream.health.failWindowMilliseconds = milliseconds(
            section, "failWindowMilliseconds", upstream.health.failWindowMilliseconds)
        upstream.health.downMilliseconds = milliseconds(
            section, "downMilliseconds", upstream.health.downMilliseconds)
        upstream.health.downMillisecondsMax = milliseconds(
            section, "downMaxMilliseconds", max(upstream.health.downMillisecondsMax, upstream.health.downMilliseconds))
        upstream.health.countsServerErrors = section.boolean(
            "countServerErrors", default: upstream.health.countsServerErrors)
        let health = section.section("health")
        guard health.isPresent else { return }
        var check = HealthCheck()
        check.path = health.string("path", default: check.path)
        let isPath = check.path.first == "/" && check.path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x23 }
        if !isPath { health.report("path", "is `\(check.path)`; a path that starts with `/` is allowed") }
        check.intervalMilliseconds = milliseconds(health, "intervalMilliseconds", check.intervalMilliseconds)
        check.timeoutMilliseconds = milliseconds(health, "timeoutMilliseconds", check.timeoutMilliseconds)
        check.healthyThreshold = health.integer("healthyThreshold", default: check.healthyThreshold, in: 1...100)
        check.unhealthyThreshold = health.integer("unhealthyThreshold", default: check.unhealthyThreshold, in: 1...100)
        check.expectedStatus = health.integer("expectStatus", default: check.expectedStatus, in: 0...599)
        upstream.health.check = check
    }
}
