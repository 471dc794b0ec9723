// SPDX-License-Identifier: Apache-2.0

import Base
import Net
import Token

/// What the workers of a process have in common; each has a copy. A reload gives them another.
struct EdgeSettings: Sendable {
    var name: String
    var objectBytesMax: Int
    var finishBytesMax: Int
    var waitMilliseconds: Int64
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
        crossOrigin = configuration.crossOrigin
        compression = configuration.compression
        rangesMax = configuration.rangesMax
        isShield = configuration.role == .shield
        upstream = configuration.upstream
        upstream.tlsContext = upstreamTLS
        self.tokenKeys = tokenKeys
    }
}
