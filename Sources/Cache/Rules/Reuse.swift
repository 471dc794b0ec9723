// SPDX-License-Identifier: Apache-2.0

/// What a request for which a response is stored gets (RFC 9111 section 4).
public enum Reuse: Sendable, Equatable {
    /// The stored response.
    case fresh
    /// The stored response, which is fetched anew meanwhile (RFC 5861 section 3); also for a client's `max-stale`.
    case staleWhileRevalidate
    /// Upstream's answer to whether the stored response is still good.
    case validate
    /// Upstream's response: what is stored can not be validated or is not for this request.
    case mustFetch
    /// 504: the client wants nothing that is not stored (`only-if-cached`, RFC 9111 section 5.2.1.7).
    case gatewayTimeout

    /// The statuses of an upstream that count as its failure (RFC 5861 section 4).
    public static let errorStatuses: Set<Int> = [500, 502, 503, 504]

    /// Decides for a request whose key and selecting fields match the stored response. `directives` is nil where those of
    /// requests are not honoured. Only GET and HEAD are ever answered from the store.
    public init(
        _ stored: StoredFreshness, residentMilliseconds: Int64, hasValidator: Bool, isGetOrHead: Bool,
        directives: RequestDirectives? = nil
    ) {
        guard isGetOrHead else {
            self = .mustFetch
            return
        }
        let answer = Self.fromStore(stored, DeltaSeconds.clampedMilliseconds(residentMilliseconds), directives)
        if let answer {
            self = answer
        } else if directives?.onlyIfCached == true {
            self = .gatewayTimeout
        } else {
            self = hasValidator && directives?.noStore != true ? .validate : .mustFetch
        }
    }

    /// Nil when upstream has to be asked.
    private static func fromStore(
        _ stored: StoredFreshness, _ resident: Int64, _ directives: RequestDirectives?
    ) -> Reuse? {
        guard let directives else {
            if resident < stored.freshAfterArrivalMilliseconds { return .fresh }
            return resident < stored.usableAfterArrivalMilliseconds ? .staleWhileRevalidate : nil
        }
        guard !directives.noCache, !directives.noStore, !stored.alwaysRevalidate else { return nil }
        let age = stored.ageMilliseconds(residentMilliseconds: resident)
        if let maxAge = directives.maxAge, age > DeltaSeconds.milliseconds(maxAge) { return nil }
        let left = stored.lifetimeMilliseconds - age
        if left > 0, left >= DeltaSeconds.milliseconds(directives.minFresh ?? 0) { return .fresh }
        // RFC 9111 section 5.2.1.3: the client does not want what will be stale soon, so neither what is.
        guard directives.minFresh == nil, !stored.mustRevalidate else { return nil }
        if let maxStale = directives.maxStale, -left <= DeltaSeconds.milliseconds(maxStale) {
            return .staleWhileRevalidate
        }
        return resident < stored.usableAfterArrivalMilliseconds ? .staleWhileRevalidate : nil
    }
}
