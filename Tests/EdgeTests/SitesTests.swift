// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Testing
import Token

@testable import Edge

/// A node without tokens, so that no file is read.
private let node = """
    listen: [{endpoint: 127.0.0.1:8443, tls: false}]
    token: {required: false}
    upstream: {servers: [127.0.0.1:8500]}

    """

private func configuration(_ sites: String, before: String = node) throws -> EdgeConfiguration {
    try EdgeConfiguration(Configuration(text: before + sites, file: "edge.conf"))
}

private func settings(_ sites: String, counters: [SiteCounter] = []) throws -> EdgeSettings {
    let configuration = try configuration(sites)
    let files = try EdgeFiles(configuration)
    return EdgeSettings(configuration, files, upstreams: try files.makeUpstreams(), counters: counters)
}

private func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    Array(text.utf8).withUnsafeBytes(body)
}

@Suite struct HostTableTests {
    private let table = HostTable([
        ["www.example.com", "*.example.com"], ["static.example.com", "[::1]"], ["*.a.example.com", "10.0.0.1"],
    ])

    @Test(arguments: [
        ("www.example.com", 0), ("WWW.Example.COM", 0), ("www.example.com:8443", 0), ("www.example.com.", 0),
        ("www.example.com.:80", 0), ("other.example.com", 0), ("static.example.com", 1), ("STATIC.example.com:1", 1),
        ("[::1]", 1), ("[::1]:8443", 1), ("x.a.example.com", 2), ("a.example.com", 0), ("10.0.0.1:80", 2),
    ]) func exactNamesGoBeforeWildcardsOfOneLabel(host: String, site: Int) {
        #expect(withBytes(host) { table.site(of: $0) } == site)
    }

    @Test(arguments: [
        "", "example.com", ".example.com", "x.y.example.com", "www.example.com.evil", "ww.example.co", "[::2]", ":80",
        "10.0.0.2", "[", "x.x.a.example.com",
    ]) func otherHostsAreOfNoSite(host: String) {
        #expect(withBytes(host) { table.site(of: $0) } == nil)
    }

    @Test func manyHostsAreFound() {
        let table = HostTable((0..<1000).map { site in (0..<20).map { "h\($0).s\(site).example" } })
        for site in stride(from: 0, to: 1000, by: 7) {
            #expect(withBytes("h19.s\(site).example") { table.site(of: $0) } == site)
            #expect(withBytes("h20.s\(site).example") { table.site(of: $0) } == nil)
        }
    }
}

@Suite struct SiteConfigurationTests {
    @Test func whatASiteDoesNotSayIsTheTopLevels() throws {
        let before = """
            listen: [{endpoint: 127.0.0.1:8443}]
            tls: {certificate: a, key: b}
            token: {keysFile: top.keys}
            upstream: {servers: [127.0.0.1:8500], fallback: [127.0.0.1:8081], fetchesMax: 7}
            cache: {negativeSeconds: {404: 5, 500: 1}, staleIfErrorSeconds: 9, heuristicPercent: 29}
            cors: {allowOrigins: ["https://a.example"], allowCredentials: true, maxAgeSeconds: 3}

            """
        let sites = try configuration(
            """
            sites:
              - hosts: [A.example, "*.a.example"]
              - {hosts: [b.example], token: {required: false}, cors: {allowOrigins: ["https://b.example"]}}
              - {hosts: [c.example], token: {keysFile: c.keys}, cache: {negativeSeconds: {404: 0, 410: 2}}}
              - {hosts: [d.example], upstream: {hostHeader: d.example}, requests: {methods: all}}
              - {hosts: [e.example], upstream: {servers: [127.0.0.1:9000]}}
            """, before: before
        ).sites
        #expect(
            sites.map(\.hosts) == [
                ["a.example", "*.a.example"], ["b.example"], ["c.example"], ["d.example"], ["e.example"],
            ])
        let (a, b, c, d, e) = (sites[0].rules, sites[1].rules, sites[2].rules, sites[3].rules, sites[4].rules)
        #expect(a.tokenRequired && a.tokenKeysFile == "top.keys" && !a.passesMethods && !a.passesFields)
        #expect(a.cacheRules.heuristicFraction == 0.29 && a.cacheRules.defaultStaleIfErrorSeconds == 9)
        #expect(a.upstream.text == c.upstream.text && a.upstream.limits.fetchesMax == 7)
        // Without tokens it may be any site.
        #expect(!b.tokenRequired && b.passesMethods && b.passesFields)
        #expect(b.crossOrigin.allowOrigins == ["https://b.example"])
        #expect(b.crossOrigin.allowCredentials && b.crossOrigin.maxAgeSeconds == 3)
        #expect(c.tokenRequired && c.tokenKeysFile == "c.keys")
        #expect(c.cacheRules.negativeSeconds == [410: 2, 500: 1])
        #expect(d.upstream.hostHeader == .text("d.example") && d.upstream.route == a.upstream.route)
        #expect(d.passesMethods && !d.passesFields)
        #expect(e.upstream.fallback.isEmpty && e.upstream.limits.fetchesMax == UpstreamLimits().fetchesMax)
    }

    @Test func whatTheTopLevelSaysOfRequestsCountsBeforeWhatTokensSuggest() throws {
        let site = try configuration("requests: {methods: read}\nsites: [{hosts: [a.example]}]").sites[0].rules
        #expect(!site.passesMethods && site.passesFields)
    }

    @Test(arguments: [
        ("sites: [{}]", "1:9: sites[0].hosts: needs at least one host"),
        ("sites: [{hosts: []}]", "sites[0].hosts: needs at least one host"),
        ("sites: [{hosts: [a.example:80]}]", "1:17: sites[0].hosts: holds `a.example:80`"),
        ("sites: [{hosts: ['*']}]", "sites[0].hosts: holds `*`"),
        ("sites: [{hosts: ['a.*.example']}]", "sites[0].hosts: holds `a.*.example`"),
        ("sites: [{hosts: ['[::1']}]", "sites[0].hosts: holds `[::1`"),
        ("sites: [{hosts: ['[::1]:80']}]", "sites[0].hosts: holds `[::1]:80`"),
        ("sites: [{hosts: [a.example.]}]", "sites[0].hosts: holds `a.example.`"),
        ("sites: [{hosts: [a.b]}, {hosts: [A.B]}]", "1:33: sites[1].hosts: holds `A.B`, which is there already"),
        ("sites: [{hosts: [\((0..<65).map { "h\($0)" }.joined(separator: ", "))]}]", "sites[0].hosts: holds 65 hosts"),
        ("sites: [\((0..<1001).map { "{hosts: [h\($0)]}" }.joined(separator: ", "))]", "sites: holds 1001 entries"),
        ("sites: [{hosts: [a], name: b}]", "1:22: sites[0].name: is not a known key"),
        ("sites: [{hosts: [a], token: {required: true}}]", "sites[0].token.keysFile: is required while"),
        ("sites: [{hosts: [a], upstream: {fallback: ['127.0.0.1:1']}}]", "upstream.fallback: is not a known key"),
        ("sites: [{hosts: [a], upstream: {servers: []}}]", "sites[0].upstream.servers: needs at least one server"),
        ("sites: [{hosts: [a], cache: {memoryBytes: 1MiB}}]", "sites[0].cache.memoryBytes: is not a known key"),
        ("sites: [{hosts: [a], cache: {negativeSeconds: {404: x}}}]", "sites[0].cache.negativeSeconds.404: is `x`"),
        ("sites: [{hosts: [a], cors: {allowCredentials: true}}]", "sites[0].cors.allowCredentials: is true"),
        ("sites: [{hosts: [a], requests: {methods: none}}]", "sites[0].requests.methods: is `none`"),
        ("sites: {hosts: [a]}", "sites: must be a list"),
        ("unknownHosts: drop", "unknownHosts: is `drop`; allowed: serve, refuse"),
        ("unknownHosts: refuse", "unknownHosts: is `refuse`, and there are no `sites`"),
    ]) func mistakesAreNamedWithTheirPlaces(line: String, expected: String) {
        var found: [String] = []
        do {
            _ = try EdgeConfiguration(Configuration(text: line + "\n" + node, file: "edge.conf"))
        } catch {
            found = (error as? ConfigurationError)?.problems.map(\.description) ?? ["\(error)"]
        }
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.contains(expected) == true, "\(found)")
    }

    @Test func filesOfSitesAreReadToo() throws {
        let wrong = try configuration("sites: [{hosts: [a], token: {required: true, keysFile: /no/such/file}}]")
        #expect {
            _ = try EdgeFiles(wrong)
        } throws: { error in
            (error as? ConfigurationError)?.problems.first?.description
                .hasPrefix("edge.conf:4:56: sites[0].token.keysFile:") == true
        }
    }

    @Test func aReloadThatChangesASiteSaysSo() throws {
        let old = try configuration("sites: [{hosts: [a]}]")
        #expect(try configuration("sites: [{hosts: [a, b]}]").changedSections(from: old) == ["sites"])
        let more = try configuration("sites: [{hosts: [a], token: {required: false}}]")
        #expect(more.changedSections(from: old) == [])
        let other = try configuration("sites: [{hosts: [a], cache: {storeSetCookie: true}}]\nunknownHosts: refuse")
        #expect(other.changedSections(from: old) == ["unknownHosts", "sites"])
    }
}

@Suite struct SiteTests {
    private let loop: EventLoop
    private let monitor: HealthMonitor

    init() throws {
        loop = try EventLoop()
        monitor = HealthMonitor(loop: loop, upstreams: [])
    }

    private func keyScope(_ settings: EdgeSettings, _ host: String) -> String {
        let site = Site(
            name: "", settings, router: UpstreamRouter(settings.upstream, loop: loop, monitor: monitor),
            counters: EdgeCounters(), requests: Counter())
        var key: [UInt8] = []
        withBytes(host) { site.writeScope($0, to: &key) }
        #expect(site.hasPlainKeys == key.isEmpty)
        return String(decoding: key, as: UTF8.self)
    }

    @Test func theKeysOfSitesDiffer() throws {
        let node = try settings(
            """
            sites:
              - hosts: [www.one.example, "*.one.example"]
              - {hosts: ["*.two.example", two.example], upstream: {servers: [127.0.0.1:1], hostHeader: client}}
              - hosts: ["*.three.example"]
            """)
        #expect(keyScope(node, "any.example") == "")
        // Hosts of one site share, whatever the request says.
        #expect(keyScope(node.sites[0].settings, "X.one.example:8443") == "www.one.example")
        #expect(keyScope(node.sites[1].settings, "X.two.example") == "x.two.example")
        #expect(keyScope(node.sites[2].settings, "x.three.example") == "*.three.example")
    }

    @Test func aKeyIsTakenApartAgain() {
        let key = CacheKey(bytes: Array("www.one.example/a?b=/c".utf8), hashValue64: 1)
        #expect(key.scope == Array("www.one.example".utf8))
        #expect(key.target == Array("/a?b=/c".utf8))
        #expect(key.sibling(Array("/d".utf8), KeyHasher(seed: 1)).bytes == Array("www.one.example/d".utf8))
    }

    @Test func aPurgeOfASiteTakesAnyOfItsHosts() throws {
        let scopes = PurgeScopes(
            try settings(
                """
                sites:
                  - hosts: [www.one.example, "*.one.example"]
                  - {hosts: ["*.two.example", two.example], upstream: {servers: [127.0.0.1:1], hostHeader: client}}
                """))
        func rules(_ site: String) throws -> [PurgeRule] {
            try PurgeRequest(query: "all=1&site=\(percentEncoded(site))".utf8, scopes: scopes).rules
        }
        func all(_ scope: String) throws -> [PurgeRule] {
            [try #require(PurgeRule(.everything, site: Array(scope.utf8), isSoft: false))]
        }
        for host in ["www.one.example", "X.One.example", "*.one.example", "www.one.example:8443"] {
            #expect(try rules(host) == all("www.one.example"), "\(host)")
        }
        // Each host has responses of its own there.
        #expect(try rules("x.two.example") == all("x.two.example"))
        #expect(throws: PurgeRequest.Refusal.self) { try rules("*.two.example") }
        #expect(try rules("three.example") == all("three.example"))
    }

    @Test func aCounterOutlivesAReload() throws {
        let old = try settings("sites: [{hosts: [a]}, {hosts: [b]}]")
        let new = try settings("sites: [{hosts: [c]}, {hosts: [b, a]}]", counters: old.sites.map(\.requests))
        #expect(new.sites[1].requests === old.sites[1].requests)
        #expect(new.sites[0].requests !== old.sites[0].requests)
    }

    // MARK: Upstreams

    @Test func sitesWithTheSameUpstreamShareARouter() throws {
        let node = try settings(
            """
            sites:
              - {hosts: [a], upstream: {servers: [127.0.0.1:1]}}
              - {hosts: [b]}
              - {hosts: [c], upstream: {servers: [127.0.0.1:1], hostHeader: client}}
              - {hosts: [d], upstream: {hostHeader: d}}
              - {hosts: [e], upstream: {servers: [127.0.0.1:1], maxFails: 1}}
            """)
        #expect(node.sites.map(\.settings.upstreamIndex) == [1, 0, 1, 0, 2])
        #expect(node.upstreams.entries.count == 3)
        #expect(node.upstreams.connectionsMax == 3 * UpstreamLimits().connectionsMax)
    }

    @Test func aRouterOutlivesReloadsThatLeaveItsUpstream() throws {
        let first = try configuration("sites: [{hosts: [a], upstream: {servers: [127.0.0.1:1]}}]")
        var routers = UpstreamRouters(UpstreamList(first), loop: loop, monitor: monitor)
        let (top, own) = (routers[0], routers[1])
        let second = try configuration(
            """
            upstream: {servers: [127.0.0.1:8501]}
            sites: [{hosts: [b], upstream: {servers: [127.0.0.1:2]}}, {hosts: [c], upstream: {servers: [127.0.0.1:1]}}]
            """, before: "listen: [{endpoint: 127.0.0.1:8443, tls: false}]\ntoken: {required: false}\n")
        routers.apply(UpstreamList(second))
        #expect(routers[0] === top, "the top level's keeps its router, whatever its servers are")
        #expect(routers[1] !== own && routers[2] === own)
        weak let removed = routers[1]
        routers.apply(UpstreamList(try configuration("")))
        #expect(routers[0] === top)
        #expect(removed != nil)
        routers.turn()
        #expect(removed == nil, "nobody uses it any more")
        #expect(own.isEmpty)
    }

    @Test func aServerOfSeveralUpstreamsIsOneServer() throws {
        let node = try settings(
            """
            sites:
              - {hosts: [a], upstream: {servers: [127.0.0.1:1, 127.0.0.1:8500]}}
              - {hosts: [b], upstream: {servers: [127.0.0.1:1], maxFails: 1}}
            """)
        monitor.apply(node.upstreams.settings)
        #expect(monitor.servers.map(\.endpoint.description) == ["127.0.0.1:8500", "127.0.0.1:1"])
        monitor.apply([node.upstream])
        #expect(monitor.servers.map(\.endpoint.description) == ["127.0.0.1:8500"])
    }
}

@Suite struct ConnectionMemoryTests {
    @Test func aTokenCountsForTheKeysThatVerifiedIt() throws {
        let key = try #require(TokenKey(hex: String(repeating: "ab", count: 32)))
        let text = try signToken(TokenClaims(expirySeconds: 4_000_000_000, acl: ["/*"]), key: key)
        let verifier = TokenVerifier(keys: try #require(TokenKeySet(keys: [key])))
        guard case .success(let token) = withBytes(text, { verifier.verify($0) }) else {
            Issue.record("the token is not verified")
            return
        }
        let memory = ConnectionMemory()
        memory.remember(token, epoch: 3)
        #expect(withBytes(text) { memory.token($0, epoch: 3) } === token)
        #expect(withBytes(text) { memory.token($0, epoch: 4) } == nil, "another site's keys, or later ones")
        #expect(withBytes(text + "0") { memory.token($0, epoch: 3) } == nil)
        for epoch in 10..<18 { memory.remember(token, epoch: epoch) }
        #expect(withBytes(text) { memory.token($0, epoch: 3) } == nil, "the oldest has left")
        #expect(withBytes(text) { memory.token($0, epoch: 17) } != nil)
    }

    @Test func aHostIsRememberedUntilAReload() throws {
        let loop = try EventLoop()
        let settings = try settings("")
        let monitor = HealthMonitor(loop: loop, upstreams: [])
        let site = Site(
            name: "a", settings, router: UpstreamRouter(settings.upstream, loop: loop, monitor: monitor),
            counters: EdgeCounters(), requests: Counter())
        let memory = ConnectionMemory()
        #expect(withBytes("a.example") { memory.site(of: $0, generation: 1) } == nil)
        withBytes("a.example") { memory.note($0, site, generation: 1) }
        #expect(withBytes("a.example") { memory.site(of: $0, generation: 1) } === site)
        #expect(withBytes("b.example") { memory.site(of: $0, generation: 1) } == nil)
        #expect(withBytes("a.example") { memory.site(of: $0, generation: 2) } == nil)
        #expect(withBytes("") { memory.site(of: $0, generation: 1) } == nil)
        let long = String(repeating: "a", count: 300)
        withBytes(long) { memory.note($0, site, generation: 1) }
        #expect(withBytes(long) { memory.site(of: $0, generation: 1) } == nil, "a client fills no memory with it")
    }
}
