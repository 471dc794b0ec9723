// SPDX-License-Identifier: Apache-2.0

/// What an operator may decide about caching where RFC 9111 leaves it open. One for each site.
public struct CacheRulesSettings: Sendable, Equatable {
    /// The share of its age since `Last-Modified` that a response without explicit freshness stays fresh (RFC 9111 section
    /// 4.2.2); 0 for no heuristics, at most 1.
    public var heuristicFraction = 0.0
    /// The longest heuristic lifetime.
    public var heuristicMaxSeconds: Int64 = 86_400
    /// How long a response with such a status is fresh when it does not say so itself: negative caching. Statuses that are
    /// not named here are not meant; 200 and 206 can not be.
    public var negativeSeconds: [Int: Int64] = [:]
    /// How long a stale response may be used when upstream fails and it says nothing on that; 0 for not at all.
    public var defaultStaleIfErrorSeconds: Int64 = 0
    /// Responses that set cookies are stored like others. Off, they go to the request that caused them and nobody else.
    public var storesSetCookie = false
    /// The difference between `Date` and this machine's clock counts as age (`apparent_age` of RFC 9111 section 4.2.3). To
    /// be turned off only where an upstream's clock is known to be wrong.
    public var usesApparentAge = true
    /// `s-maxage` forbids stale responses (RFC 9111 section 5.2.2.10). With this on, it does not forbid what the same
    /// response grants in `stale-while-revalidate` or `stale-if-error`: that is what its authors mean by the two together.
    public var sharedMaxAgeYieldsToStaleDirectives = true
    /// Obey `Cache-Control` in requests. Off, no client can force work on an upstream.
    public var honoursRequestDirectives = false

    public init() {}
}
