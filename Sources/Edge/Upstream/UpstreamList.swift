// SPDX-License-Identifier: Apache-2.0

/// The upstreams of a configuration, each once: the top level's first, then those that sites name themselves.
struct UpstreamList: Sendable {
    struct Entry: Sendable {
        /// Equal where the way there is the same one.
        var route: String
        var settings: UpstreamSettings
    }

    var entries: [Entry]
    /// Of each site, the place of its upstream.
    let sites: [Int]

    init(_ configuration: EdgeConfiguration) {
        let top = Entry(route: configuration.upstream.route, settings: configuration.upstream)
        var entries = [top]
        var places = [top.route: 0]
        sites = configuration.sites.map { site in
            let route = site.rules.upstream.route
            if let known = places[route] { return known }
            places[route] = entries.count
            entries.append(Entry(route: route, settings: site.rules.upstream))
            return entries.count - 1
        }
        self.entries = entries
    }

    /// The connections that one worker may have to all servers together.
    var connectionsMax: Int { entries.reduce(0) { $0 + $1.settings.connectionsMax } }

    var settings: [UpstreamSettings] { entries.map(\.settings) }
}
