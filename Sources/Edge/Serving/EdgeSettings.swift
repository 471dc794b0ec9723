// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Token

/// What the workers of a process have in common; each has a copy. A reload gives them another.
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
    var upstream: UpstreamSettings
    /// Nil: no token is needed.
    var tokenKeys: TokenKeySet?

    init(_ configuration: EdgeConfiguration, tokenKeys: TokenKeySet?, upstreamTLS: TLSClientContext? = nil) {
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
        upstream.tlsContext = upstreamTLS
        self.tokenKeys = tokenKeys
    }
}
