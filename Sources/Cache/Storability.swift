// SPDX-License-Identifier: Apache-2.0

/// What a shared cache may do with a response (RFC 9111 section 3).
public enum Storability: Sendable, Equatable {
    /// Keep it: fresh for so long, and after that usable for so long while a new one is fetched (RFC 5861).
    case store(freshMilliseconds: Int64, staleWhileRevalidateMilliseconds: Int64)
    /// Not to be kept, but it answers the requests that were already waiting for it: they would have got the
    /// same (RFC 9111 section 4, "collapsed").
    case shareOnce
    /// Only for the request that fetched it; the others go upstream themselves, in parallel.
    case uncacheable
}

/// The fields of a response head on which storing depends. Values are raw; absent fields are nil.
public struct StorabilityFields: Sendable {
    public var cacheControl: [UInt8]?
    public var cdnCacheControl: [UInt8]?
    public var age: [UInt8]?
    public var vary: [UInt8]?
    public var hasSetCookie = false
    /// Seconds since 1970, when the field was there and readable.
    public var expiresSeconds: Int64?
    public var dateSeconds: Int64?

    public init() {}
}

extension Storability {
    /// Judges a response with `status` to a GET. Freshness must be explicit: there are no heuristics.
    public init(status: Int, _ fields: StorabilityFields) {
        let targeted = fields.cdnCacheControl.map { CacheControl($0) }
        let control = targeted ?? CacheControl(fields.cacheControl ?? [])
        // Variants are not kept apart, so a response that depends on request fields is nobody else's.
        guard !control.noStore, !control.isPrivate, !fields.hasSetCookie, fields.vary == nil else {
            self = .uncacheable
            return
        }
        guard Self.isStorable(status: status), !control.noCache else {
            self = Self.isShareable(status: status) ? .shareOnce : .uncacheable
            return
        }
        var lifetime = control.sharedMaxAge ?? control.maxAge
        if lifetime == nil, targeted == nil, let expires = fields.expiresSeconds, let date = fields.dateSeconds {
            lifetime = Int(max(0, min(expires - date, Int64(Int32.max))))
        }
        let age = fields.age.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
        let fresh = (lifetime ?? 0) - max(0, age)
        let stale = control.mustRevalidate ? 0 : control.staleWhileRevalidate ?? 0
        guard fresh > 0 || (lifetime != nil && stale > 0) else {
            self = .shareOnce
            return
        }
        self = .store(
            freshMilliseconds: Int64(max(0, fresh)) * 1000, staleWhileRevalidateMilliseconds: Int64(stale) * 1000)
    }

    /// Statuses whose meaning does not depend on the moment (RFC 9110 section 15.1); 206 needs range support.
    private static func isStorable(status: Int) -> Bool {
        switch status {
        case 200, 203, 300, 301, 308, 404, 405, 410, 414, 501: true
        default: false
        }
    }

    private static func isShareable(status: Int) -> Bool {
        status >= 200 && status != 206 && status != 304 && status != 401 && status != 407
    }
}
