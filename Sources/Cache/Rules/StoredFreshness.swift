// SPDX-License-Identifier: Apache-2.0

/// How long a stored response may be used, and how. A value; the store keeps what it needs of it with the object.
///
/// All spans are at most 2^31 seconds, so that sums of them never overflow.
public struct StoredFreshness: Sendable, Equatable {
    /// How old the response was when it came: `corrected_initial_age` of RFC 9111 section 4.2.3.
    public var ageOnArrivalMilliseconds: Int64
    /// The freshness lifetime; it counts from the response's generation, not from its arrival.
    public var lifetimeMilliseconds: Int64
    /// Usable for so long after the lifetime while a new one is fetched (RFC 5861 section 3).
    public var staleWhileRevalidateMilliseconds: Int64
    /// Usable for so long after the lifetime when upstream fails (RFC 5861 section 4).
    public var staleIfErrorMilliseconds: Int64
    /// Never to be used stale, whatever the settings, a client or an outage say.
    public var mustRevalidate: Bool
    /// `no-cache`: to be validated before each use, fresh or not.
    public var alwaysRevalidate: Bool
    /// Names of fields, in lower case, that go to the request that fetched them and are not stored.
    public var fieldsNotReused: [[UInt8]]

    public init(
        lifetimeMilliseconds: Int64, ageOnArrivalMilliseconds: Int64 = 0, staleWhileRevalidateMilliseconds: Int64 = 0,
        staleIfErrorMilliseconds: Int64 = 0, mustRevalidate: Bool = false, alwaysRevalidate: Bool = false,
        fieldsNotReused: [[UInt8]] = []
    ) {
        self.lifetimeMilliseconds = DeltaSeconds.clampedMilliseconds(lifetimeMilliseconds)
        self.ageOnArrivalMilliseconds = DeltaSeconds.clampedMilliseconds(ageOnArrivalMilliseconds)
        self.staleWhileRevalidateMilliseconds = DeltaSeconds.clampedMilliseconds(staleWhileRevalidateMilliseconds)
        self.staleIfErrorMilliseconds = DeltaSeconds.clampedMilliseconds(staleIfErrorMilliseconds)
        self.mustRevalidate = mustRevalidate
        self.alwaysRevalidate = alwaysRevalidate
        self.fieldsNotReused = fieldsNotReused
    }

    /// How long after its arrival the response can be used without asking anybody; 0 or less for not at all. A hit
    /// compares the clock with arrival plus this, worked out once.
    public var freshAfterArrivalMilliseconds: Int64 {
        alwaysRevalidate ? 0 : lifetimeMilliseconds - ageOnArrivalMilliseconds
    }

    /// How long after its arrival it can be used when it is fetched anew in the background.
    public var usableAfterArrivalMilliseconds: Int64 {
        allowsStale ? freshAfterArrivalMilliseconds + staleWhileRevalidateMilliseconds : freshAfterArrivalMilliseconds
    }

    /// How long after its arrival it can be used when upstream fails.
    public var usableOnErrorAfterArrivalMilliseconds: Int64 {
        guard allowsStale else { return freshAfterArrivalMilliseconds }
        return freshAfterArrivalMilliseconds + max(staleWhileRevalidateMilliseconds, staleIfErrorMilliseconds)
    }

    private var allowsStale: Bool { !mustRevalidate && !alwaysRevalidate }

    /// The fields of a response without those that must not be stored.
    public func storedFields(of fields: [FieldLine]) -> [FieldLine] {
        fieldsNotReused.isEmpty ? fields : fields.filter { !fieldsNotReused.contains($0.name) }
    }

    /// `current_age` after so long in the store.
    public func ageMilliseconds(residentMilliseconds: Int64) -> Int64 {
        ageOnArrivalMilliseconds + DeltaSeconds.clampedMilliseconds(residentMilliseconds)
    }

    /// True when the response, so long in the store, may answer in the place of an upstream that can not be reached or
    /// answers with one of `Reuse.errorStatuses`. `requestSeconds` is the request's own `stale-if-error` where requests'
    /// directives are honoured.
    public func mayServeStaleOnError(residentMilliseconds: Int64, requestSeconds: Int64? = nil) -> Bool {
        let resident = DeltaSeconds.clampedMilliseconds(residentMilliseconds)
        if resident < usableOnErrorAfterArrivalMilliseconds { return true }
        guard allowsStale, let requestSeconds else { return false }
        return resident < freshAfterArrivalMilliseconds + DeltaSeconds.milliseconds(requestSeconds)
    }
}
