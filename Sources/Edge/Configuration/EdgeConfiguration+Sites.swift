// SPDX-License-Identifier: Apache-2.0

import Base
import Net

extension EdgeConfiguration {
    static let sitesMax = 1000

    /// One entry of `sites:`.
    struct Site: Sendable {
        static let hostsMax = 64

        /// Host names in lower case, or `*.` and what follows a label, or an IPv6 address in brackets. The first one is the
        /// site's name.
        var hosts: [String]
        /// The top level's values, and in their place what the entry says. What an entry can not say counts there.
        var rules: EdgeConfiguration
    }

    /// Reads `sites:` and `unknownHosts:`. Call when everything else is known; `requests` is the top level's section.
    mutating func readSites(_ root: ConfigurationSection, requests: ConfigurationSection) {
        let sections = root.sections("sites")
        if sections.count > Self.sitesMax {
            root.report("sites", "holds \(sections.count) entries; \(Self.sitesMax) at most are allowed")
        }
        var taken: Set<String> = []
        sites = sections.map { section in
            Site(hosts: Self.readHosts(section, &taken), rules: readRules(of: section, requests: requests))
        }
        refusesUnknownHosts =
            root.choice("unknownHosts", default: "serve", of: ["serve", "refuse"]) == "refuse"
        if refusesUnknownHosts, sections.isEmpty {
            root.report("unknownHosts", "is `refuse`, and there are no `sites`: nothing would be served")
        }
    }

    private func readRules(of site: ConfigurationSection, requests: ConfigurationSection) -> EdgeConfiguration {
        var rules = self
        func read(_ key: String, _ body: (ConfigurationSection) -> Void) {
            let section = site.section(key)
            if section.isPresent { body(section) }
        }
        read("token") { rules.readToken($0) }
        rules.readRequests(site.section("requests"), over: requests)
        read("upstream") { rules.readSiteUpstream($0) }
        read("cache") { rules.readRules($0) }
        read("cors") { rules.readCrossOrigin($0) }
        return rules
    }

    /// `taken` are the hosts of the entries before.
    private static func readHosts(_ section: ConfigurationSection, _ taken: inout Set<String>) -> [String] {
        let key = "hosts"
        let texts = section.strings(key)
        if texts.isEmpty { section.report(key, "needs at least one host, such as www.example.com") }
        if texts.count > Site.hostsMax {
            section.report(key, "holds \(texts.count) hosts; \(Site.hostsMax) at most are allowed")
        }
        var hosts: [String] = []
        for text in texts {
            let host = text.lowercased()
            if !isHost(text) {
                section.report(
                    key, "holds `\(text)`; hosts without a port are allowed: www.example.com, *.example.com or [::1]")
            } else if !taken.insert(host).inserted {
                section.report(key, "holds `\(text)`, which is there already; each host belongs to one site")
            } else {
                hosts.append(host)
            }
        }
        return hosts
    }

    private static func isHost(_ text: String) -> Bool {
        if text.hasPrefix("[") { return text.hasSuffix("]") && UpstreamServer.isAuthority(text) }
        return UpstreamServer.isHostName(text.hasPrefix("*.") ? String(text.dropFirst(2)) : text)
    }
}
