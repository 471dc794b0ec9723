// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Token

/// What the workers of a process have in common; each has a copy. A reload gives them another. A site has a copy too, with
/// rules of its own; what no site can say is read from the node's.
struct EdgeSettings: Sendable {
    var name: String
    var objectBytesMax: Int
    var finishBytesMax: Int
    var waitMilliseconds: Int64
    /// Requests of one worker that wait for a fill; beyond that a miss is refused with 503.
    var waitersMax: Int
    var cacheRules: CacheRulesSettings
    /// Ranges of what is not stored are fetched in slices.
    var fetchesPieces: Bool
    var readAheadBytes: Int
    /// How long a stale response is used after a failure before upstream is asked again.
    var standInMilliseconds: Int64
    /// Fields of clients' requests go upstream.
    var passesFields: Bool
    /// Requests with other methods than GET and HEAD go upstream.
    var passesMethods: Bool
    /// The client's host goes upstream: the same path is something else under another host.
    var servesHosts: Bool
    /// Content of such a request.
    var contentBytesMax: Int
    var prefetch = PrefetchSettings()
    var crossOrigin = CrossOriginRules()
    var compression = CompressionRules()
    /// Ranges of one request; with more the whole is sent.
    var rangesMax = 16
    var isShield: Bool
    /// The rules for requests; the way upstream is that of `upstreamIndex`.
    var upstream: UpstreamSettings
    /// Nil: no token is needed.
    var tokenKeys: TokenKeySet?
    /// What stands in front of the path in the keys of a site's responses; empty for the top level.
    var keyScope: [UInt8] = []
    /// The place in `upstreams`.
    var upstreamIndex = 0
    /// Of the whole node, as all that follows.
    var upstreams: UpstreamList
    var sites: [SiteSettings] = []
    /// Finds the place in `sites`.
    var hosts = HostTable()
    /// A host that is none of the sites' gets 421.
    var refusesUnknownHosts: Bool

    /// A request's path alone is the key of its response.
    var hasPlainKeys: Bool { keyScope.isEmpty && !servesHosts }

    /// `counters` are those of sites that were there before.
    init(_ configuration: EdgeConfiguration, _ files: EdgeFiles, upstreams: UpstreamList, counters: [SiteCounter]) {
        self.init(configuration, tokenKeys: files.tokenKeys, upstreams: upstreams)
        let known = Dictionary(counters.map { ($0.name, $0) }) { first, _ in first }
        sites = configuration.sites.indices.map { index in
            let site = configuration.sites[index]
            let name = site.hosts[0]
            var settings = EdgeSettings(site.rules, tokenKeys: files.siteTokenKeys[index], upstreams: upstreams)
            settings.keyScope = Array(name.utf8)
            settings.upstreamIndex = upstreams.sites[index]
            let requests = known[name] ?? SiteCounter(name: name, workers: configuration.workers)
            return SiteSettings(name: name, settings: settings, requests: requests)
        }
        hosts = HostTable(configuration.sites.map(\.hosts))
    }

    private init(_ configuration: EdgeConfiguration, tokenKeys: TokenKeySet?, upstreams: UpstreamList) {
        name = configuration.name
        objectBytesMax = configuration.objectBytesMax
        finishBytesMax = configuration.finishBytesMax
        waitMilliseconds = configuration.waitMilliseconds
        waitersMax = configuration.waitersMax
        cacheRules = configuration.cacheRules
        fetchesPieces = configuration.fetchesPieces
        readAheadBytes = configuration.readAheadBytes
        standInMilliseconds = configuration.standInMilliseconds
        passesFields = configuration.passesFields
        passesMethods = configuration.passesMethods
        servesHosts = configuration.upstream.hostHeader == .client
        contentBytesMax = configuration.passedContentBytesMax
        prefetch = configuration.prefetch
        crossOrigin = configuration.crossOrigin
        compression = configuration.compression
        rangesMax = configuration.rangesMax
        isShield = configuration.role == .shield
        upstream = configuration.upstream
        self.upstreams = upstreams
        refusesUnknownHosts = configuration.refusesUnknownHosts
        self.tokenKeys = tokenKeys
    }
}
