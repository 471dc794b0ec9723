// SPDX-License-Identifier: Apache-2.0

/// The age of a response and its freshness lifetime (RFC 9111 sections 4.2.1 to 4.2.3), in milliseconds from 0 to what
/// 2^31 seconds are.
struct FreshnessCalculation {
    private let fields: FieldLines
    private let control: CacheControl
    /// A targeted field takes the place of `Expires`, too.
    private let isTargeted: Bool
    private let settings: CacheRulesSettings
    private let requestMilliseconds: Int64
    private let responseMilliseconds: Int64

    init(
        _ fields: FieldLines, _ control: CacheControl, isTargeted: Bool, _ settings: CacheRulesSettings,
        requestMilliseconds: Int64, responseMilliseconds: Int64
    ) {
        self.fields = fields
        self.control = control
        self.isTargeted = isTargeted
        self.settings = settings
        self.requestMilliseconds = requestMilliseconds
        self.responseMilliseconds = responseMilliseconds
    }

    private var responseSeconds: Int64 { responseMilliseconds / 1000 }

    /// `Date`; the time of arrival where it is missing or can not be read (RFC 9110 section 6.6.1).
    private var dateSeconds: Int64 { date("date") ?? responseSeconds }

    private func date(_ name: StaticString) -> Int64? {
        fields.first(name).flatMap { CacheDate.parse($0, presentSeconds: responseSeconds) }
    }

    /// Section 4.2.3. `Date` may have been written at the end of its second: counted from its beginning, a response that
    /// lives for one second would be stale on arrival whenever the second changes on its way.
    var ageOnArrivalMilliseconds: Int64 {
        let apparent = settings.usesApparentAge ? responseMilliseconds - dateSeconds * 1000 - 999 : 0
        let delay = DeltaSeconds.clampedMilliseconds(responseMilliseconds - requestMilliseconds)
        let corrected = ageValueSeconds * 1000 + delay
        return DeltaSeconds.clampedMilliseconds(max(apparent, corrected))
    }

    /// The first member of the first line; something else than a number is ignored (section 5.1).
    private var ageValueSeconds: Int64 {
        guard let line = fields.first("age") else { return 0 }
        return DeltaSeconds.parse(line.prefix { $0 != UInt8(ascii: ",") }.trimmed) ?? 0
    }

    /// The lifetime that the response itself tells (section 4.2.1), nil when it tells none.
    var explicitMilliseconds: Int64? {
        if let seconds = control.sharedMaxAge ?? control.maxAge { return DeltaSeconds.milliseconds(seconds) }
        guard !isTargeted, fields.first("expires") != nil else { return nil }
        // Of several lines the first counts. What is no date is the past (section 5.3).
        guard let expires = date("expires") else { return 0 }
        return DeltaSeconds.milliseconds(expires - dateSeconds)
    }

    /// A lifetime for a response that tells none (section 4.2.2); nil when none may be invented.
    func assumedMilliseconds(status: Int) -> Int64? {
        if status != 200, status != 206, let seconds = settings.negativeSeconds[status] {
            return DeltaSeconds.milliseconds(seconds)
        }
        let fraction = settings.heuristicFraction
        guard fraction > 0, StatusRules.isHeuristicallyCacheable(status) || control.isPublic,
            let modified = date("last-modified"), modified < dateSeconds
        else { return nil }
        let span = Double(DeltaSeconds.clamped(dateSeconds - modified)) * 1000 * min(fraction, 1)
        return min(Int64(span), DeltaSeconds.milliseconds(settings.heuristicMaxSeconds))
    }
}
