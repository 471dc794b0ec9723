// SPDX-License-Identifier: Apache-2.0

/// Which responses a purge of one site means: what their keys begin with. Pure.
struct PurgeScopes: Sendable {
    private let hosts: HostTable
    /// Of each site; nil where each host has its own.
    private let scopes: [[UInt8]?]

    init() {
        hosts = HostTable()
        scopes = []
    }

    init(_ settings: EdgeSettings) {
        hosts = settings.hosts
        scopes = settings.sites.map { $0.settings.servesHosts ? nil : $0.settings.keyScope }
    }

    /// The scope of a host in lower case, with or without a port, or of a wildcard as the configuration has it. A host of no
    /// site is a scope of its own. Nil for a wildcard whose hosts are kept apart: no single scope has all of them.
    func scope(of host: [UInt8]) -> [UInt8]? {
        guard let site = host.withUnsafeBytes({ hosts.site(of: $0) }) else { return host }
        return scopes[site] ?? (host.first == UInt8(ascii: "*") ? nil : host)
    }
}
