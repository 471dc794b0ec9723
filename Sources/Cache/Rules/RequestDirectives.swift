// SPDX-License-Identifier: Apache-2.0

/// The directives of a request (RFC 9111 section 5.2.1, RFC 5861 section 4). Numbers are seconds, from 0 to 2^31.
///
/// They are advice: a cache for many may leave them aside, or any client could make it ask upstream at will.
/// `CacheRulesSettings.honoursRequestDirectives` decides.
public struct RequestDirectives: Sendable, Equatable {
    public var noCache = false
    public var noStore = false
    public var onlyIfCached = false
    public var maxAge: Int64?
    public var minFresh: Int64?
    /// `max-stale` without a number is the greatest one.
    public var maxStale: Int64?
    public var staleIfError: Int64?

    public init() {}

    /// Reads the values of all lines of `Cache-Control`. A directive that grants something and has no valid number grants
    /// nothing; a `max-age` without one is 0.
    public init(_ lines: [[UInt8]]) {
        for directive in DirectiveList.parse(lines) {
            let argument = directive.argument
            switch String(decoding: directive.name, as: UTF8.self) {
            case "no-cache": noCache = true
            case "no-store": noStore = true
            case "only-if-cached": onlyIfCached = true
            case "max-age": maxAge = maxAge ?? argument.seconds ?? 0
            case "min-fresh": minFresh = minFresh ?? argument.seconds
            case "max-stale": maxStale = maxStale ?? (argument == .none ? DeltaSeconds.max : argument.seconds)
            case "stale-if-error": staleIfError = staleIfError ?? argument.seconds
            default: break
            }
        }
    }
}
