// SPDX-License-Identifier: Apache-2.0
//
// Which site a request is for, on one worker. Belongs to the worker's thread and never changes: a reload makes another
// table, with the same sites where they have the same names. A class, so that a request counts one reference and not those
// of all that is in it.

import Net

/// The sites of one worker by their hosts. See the head of the file.
final class SiteTable {
    private let hosts: HostTable
    private let sites: [Site]
    /// Whose the hosts of no site are; nil when they are refused.
    private let fallback: Site?
    /// Tells the table from all others of its worker.
    private let generation: Int

    /// The table that takes the place of `previous`. `make` makes a site that was not there.
    init(
        _ settings: EdgeSettings, top: Site, after previous: SiteTable?, generation: Int, routers: UpstreamRouters,
        make: (SiteSettings) -> Site
    ) {
        hosts = settings.hosts
        self.generation = generation
        fallback = settings.refusesUnknownHosts ? nil : top
        let known = Dictionary((previous?.sites ?? []).map { ($0.name, $0) }) { first, _ in first }
        sites = settings.sites.map { wanted in
            guard let site = known[wanted.name] else { return make(wanted) }
            site.apply(wanted.settings, router: routers[wanted.settings.upstreamIndex])
            return site
        }
    }

    /// The site of a request; nil when its host is refused. A connection asks for one host most of the time: the last one
    /// is compared first, and nothing is allocated but its place in the connection's memory, once.
    func site(of authority: UnsafeRawBufferPointer, _ exchange: Exchange) -> Site? {
        let memory = ConnectionMemory.of(exchange)
        if let site = memory.site(of: authority, generation: generation) { return site }
        guard let site = hosts.site(of: authority).map({ sites[$0] }) ?? fallback else { return nil }
        memory.note(authority, site, generation: generation)
        return site
    }
}
