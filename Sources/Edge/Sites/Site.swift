// SPDX-License-Identifier: Apache-2.0
//
// What one site is served by on one worker. Belongs to the worker's thread. It outlives reloads that leave its name in the
// configuration; one that is taken out lives on, as it was, until its last request is over. The way upstream is not its
// own: `UpstreamRouters` owns the routers, so that no other thread ever lets go of one for the last time.

import Base
import Cache
import Net
import Token

/// A site as a worker serves it; the top level of the configuration is one, too. See the head of the file.
///
/// `@unchecked Sendable` because other threads only pass the reference along, with the request that it belongs to, to the
/// worker's own mailbox.
final class Site: @unchecked Sendable {
    let name: String
    private(set) var settings: EdgeSettings
    /// Remembers tokens for this site alone: those of another one's keys open nothing here, on the same connection either.
    let gate: TokenGate
    private(set) var headBuilder: ResponseHeadBuilder
    private(set) var upstreamFields: UpstreamFields
    private(set) var crossOrigin: CrossOrigin
    private(set) var router: UpstreamRouter
    /// Requests for it; the worker's own.
    let requests: Counter
    /// A request's path alone is the key of its response.
    private(set) var hasPlainKeys: Bool

    init(
        name: String, _ settings: EdgeSettings, router: UpstreamRouter, counters: EdgeCounters, requests: Counter
    ) {
        self.name = name
        self.settings = settings
        self.router = router
        self.requests = requests
        gate = TokenGate(keys: settings.tokenKeys, counters: counters)
        headBuilder = ResponseHeadBuilder(settings)
        upstreamFields = UpstreamFields(settings)
        crossOrigin = CrossOrigin(settings.crossOrigin)
        hasPlainKeys = settings.hasPlainKeys
    }

    /// Takes other settings. What is in work goes on by them.
    func apply(_ settings: EdgeSettings, router: UpstreamRouter) {
        gate.apply(settings.tokenKeys)
        headBuilder = ResponseHeadBuilder(settings)
        upstreamFields = UpstreamFields(settings)
        if settings.crossOrigin != crossOrigin.rules { crossOrigin = CrossOrigin(settings.crossOrigin) }
        self.router = router
        hasPlainKeys = settings.hasPlainKeys
        self.settings = settings
    }

    /// Writes what stands in front of the path in the key of a response: the site's name, or the host that was asked where
    /// upstream is told of it and each host is something else; nothing where there is only one site.
    @inline(__always)
    func writeScope(_ authority: UnsafeRawBufferPointer, to key: inout [UInt8]) {
        if settings.servesHosts {
            key.append(contentsOf: authority.lazy.map(asciiLowercase))
        } else {
            key.append(contentsOf: settings.keyScope)
        }
    }

    /// The host that upstream is asked for; nil for the server's own.
    func upstreamHost(_ request: StoredRequest?) -> [UInt8]? {
        (request?.authority ?? []).withUnsafeBytes { settings.upstream.host(client: $0) }
    }
}
