// SPDX-License-Identifier: Apache-2.0

/// Judges a response: may it be stored, for whom, for how long (RFC 9111 sections 3 and 4.2, RFC 5861, RFC 9213).
///
/// Pure: the head of a response and two times in, a `Storability` out. It runs once for each response of an upstream, also
/// for the stored head with a 304's or a HEAD's fields merged into it, and never for a hit.
public struct ResponseRules: Sendable {
    /// The request that the response answers.
    public enum Request: Sendable, Equatable {
        case get
        /// With or without a body: nothing to store, see `HeadEffect`.
        case head
        /// `namesTarget`: `Content-Location` is the request's target, so that the response is one to a GET as well (RFC
        /// 9110 section 9.3.3). See `TargetURI.isSame`.
        case post(namesTarget: Bool)
        case other
    }

    private let settings: CacheRulesSettings

    public init(_ settings: CacheRulesSettings) {
        self.settings = settings
    }

    /// - Parameters:
    ///   - hasAuthorization: the request had `Authorization`, and it went upstream.
    ///   - fields: all end-to-end fields of the response.
    ///   - storesPartial: a 206 can be kept; its range has been found good (`PartialContent`). Without, it is for one.
    ///   - requestMilliseconds: when the request was sent, milliseconds since 1970.
    ///   - responseMilliseconds: when the head came.
    public func judge(
        _ request: Request, hasAuthorization: Bool, status: Int, fields lines: [FieldLine], storesPartial: Bool = false,
        requestMilliseconds: Int64, responseMilliseconds: Int64
    ) -> Storability {
        let fields = FieldLines(lines)
        let targeted = TargetedCacheControl.parse(fields.all(TargetedCacheControl.cdnFieldName))
        let control = targeted ?? CacheControl(fields.all("cache-control"))
        guard status >= 200, status <= 999, status != 206 || storesPartial,
            isForEveryone(control, status, fields, hasAuthorization)
        else { return .uncacheable }
        let times = FreshnessCalculation(
            fields, control, isTargeted: targeted != nil, settings, requestMilliseconds: requestMilliseconds,
            responseMilliseconds: responseMilliseconds)
        let explicit = times.explicitMilliseconds
        switch request {
        case .get: break
        case .post(namesTarget: true) where explicit != nil: break
        case .head, .post, .other: return .uncacheable
        }
        guard !StatusRules.isForOneRequest(status) else { return .uncacheable }
        // An answer to credentials, or to their absence, is everybody's only when it says how long.
        guard status != 401 || explicit != nil else { return .uncacheable }
        let lifetime = explicit ?? times.assumedMilliseconds(status: status)
        // RFC 9111 section 3: without a lifetime only what could have one by heuristics.
        guard lifetime != nil || StatusRules.isHeuristicallyCacheable(status) || control.isPublic else {
            return .shareOnce
        }
        let freshness = freshness(control, lifetime ?? 0, times.ageOnArrivalMilliseconds)
        return isWorthKeeping(freshness, control, fields) ? .store(freshness) : .shareOnce
    }

    /// How old a response was when it came, stored or not: what `Age` begins with (RFC 9111 sections 4.2.3 and 5.1).
    public func ageOnArrivalMilliseconds(
        fields: [FieldLine], requestMilliseconds: Int64, responseMilliseconds: Int64
    ) -> Int64 {
        FreshnessCalculation(
            FieldLines(fields), CacheControl(), isTargeted: false, settings, requestMilliseconds: requestMilliseconds,
            responseMilliseconds: responseMilliseconds
        ).ageOnArrivalMilliseconds
    }

    /// False for a response that must not be stored, or that only the one who asked may see.
    private func isForEveryone(
        _ control: CacheControl, _ status: Int, _ fields: FieldLines, _ hasAuthorization: Bool
    ) -> Bool {
        // With must-understand, no-store is meant for caches that do not know the status (RFC 9111 section 5.2.2.3).
        guard !control.mustUnderstand || StatusRules.isUnderstood(status) else { return false }
        guard !control.noStore || control.mustUnderstand, !control.isPrivate else { return false }
        // RFC 9111 section 3.5.
        let permitsAuthorized = control.isPublic || control.mustRevalidate || control.sharedMaxAge != nil
        guard !hasAuthorization || permitsAuthorized else { return false }
        if !settings.storesSetCookie, fields.first("set-cookie") != nil,
            !control.fieldsNotReused.contains(where: { $0.isEqual("set-cookie") })
        {
            return false
        }
        return VaryRule.parse(fields.all("vary")) != .unmatchable
    }

    private func freshness(_ control: CacheControl, _ lifetime: Int64, _ age: Int64) -> StoredFreshness {
        let grantsStale = control.staleWhileRevalidate != nil || control.staleIfError != nil
        let isShared = control.sharedMaxAge != nil
        let mustRevalidate =
            control.mustRevalidate || control.proxyRevalidate || control.noCache
            || isShared && !(settings.sharedMaxAgeYieldsToStaleDirectives && grantsStale)
        let staleIfError = control.staleIfError ?? (isShared ? 0 : settings.defaultStaleIfErrorSeconds)
        return StoredFreshness(
            lifetimeMilliseconds: lifetime, ageOnArrivalMilliseconds: age,
            staleWhileRevalidateMilliseconds:
                mustRevalidate ? 0 : DeltaSeconds.milliseconds(control.staleWhileRevalidate ?? 0),
            staleIfErrorMilliseconds: mustRevalidate ? 0 : DeltaSeconds.milliseconds(staleIfError),
            mustRevalidate: mustRevalidate, alwaysRevalidate: control.noCache,
            fieldsNotReused: control.fieldsNotReused)
    }

    /// A response that nobody will ever be served from takes room for nothing.
    private func isWorthKeeping(_ freshness: StoredFreshness, _ control: CacheControl, _ fields: FieldLines) -> Bool {
        if StoredValidators(fields).isUsable { return true }
        guard !freshness.alwaysRevalidate else { return false }
        if freshness.usableAfterArrivalMilliseconds > 0 { return true }
        // What was never fresh is kept for outages only when it asks for that itself.
        return (freshness.lifetimeMilliseconds > 0 || control.staleIfError != nil)
            && freshness.usableOnErrorAfterArrivalMilliseconds > 0
    }
}
