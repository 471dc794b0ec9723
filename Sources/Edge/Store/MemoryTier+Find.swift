// SPDX-License-Identifier: Apache-2.0

import Cache
import Synchronization

/// What is found under a key: elections, variants and purges. Everything here takes a shard's lock.
extension MemoryTier {
    /// Looks a key up; a caller that finds nothing usable is elected to fetch it. `select` says what of the request selects
    /// among variants, nil when that can not be told; `directives` are its own where they are obeyed; `make` makes a new
    /// object. `elects` is false for a request whose response nobody else could use: it gets what is there, or goes its own
    /// way. The caller is a reader of what it gets, from the moment at which it is found: it takes itself off `readers`.
    func obtain(
        _ key: CacheKey, nowMilliseconds now: Int64, elects: Bool = true, directives: RequestDirectives? = nil,
        select: (VaryRule) -> VariantKey? = { _ in nil }, make: (VariantKey) -> CachedObject
    ) -> Obtained {
        while true {
            var unjudged: CachedObject?
            let obtained: Obtained? = shard(key).entries.withLock { entries in
                let isUncacheable = entries.uncacheable[key].map { now < $0 } ?? false
                if !isUncacheable { entries.uncacheable[key] = nil }
                var entry = entries.entries[key] ?? Entry()
                var variant = VariantKey.independent
                if let rule = entry.rule {
                    guard let selected = select(rule) else { return .uncacheable }
                    variant = selected
                }
                let base = entry.stored(variant)
                guard base.map(isJudged) ?? true else {
                    unjudged = base
                    return nil
                }
                let pending = entry.pending(variant, isJoinable: isUntouched)
                let found =
                    directives.flatMap { Self.obey($0, base, elects: elects, now: now) { make(variant) } }
                    ?? Self.use(base, pending, isUncacheable: isUncacheable, elects: elects, now: now) { make(variant) }
                if let new = found.new {
                    entry.objects.append(new)
                    entries.entries[key] = entry
                }
                found.obtained.object?.readers.wrappingAdd(1, ordering: .relaxed)
                return found.obtained
            }
            if let obtained { return obtained }
            // Judging may take the object out, which needs the lock.
            if let unjudged { _ = judge(unjudged, nowMilliseconds: now) }
        }
    }

    private static func use(
        _ base: CachedObject?, _ pending: CachedObject?, isUncacheable: Bool, elects: Bool, now: Int64,
        make: () -> CachedObject
    ) -> (obtained: Obtained, new: CachedObject?) {
        if let base {
            if now < base.freshUntilMilliseconds { return (.existing(base), nil) }
            if isUncacheable { return (.uncacheable, nil) }
            if now < base.usableUntilMilliseconds || now < base.heldUntilMilliseconds.load(ordering: .relaxed) {
                let isHeld = now < base.heldUntilMilliseconds.load(ordering: .relaxed)
                guard !isHeld, !base.isRevalidating.exchange(true, ordering: .relaxed) else {
                    return (.stale(base, revalidation: nil), nil)
                }
                let new = make()
                return (.stale(base, revalidation: new), new)
            }
        }
        guard !isUncacheable else { return (.uncacheable, nil) }
        if let pending { return (.existing(pending), nil) }
        guard elects else { return (.unelected(base: base), nil) }
        let new = make()
        return (.elected(new, base: base), new)
    }

    /// What a request with directives gets; nil when they make no difference.
    private static func obey(
        _ directives: RequestDirectives, _ base: CachedObject?, elects: Bool, now: Int64, make: () -> CachedObject
    ) -> (obtained: Obtained, new: CachedObject?)? {
        guard let base, let head = base.head, let freshness = head.freshness else {
            return directives.onlyIfCached ? (.notCached, nil) : directives.noStore ? (.uncacheable, nil) : nil
        }
        let reuse = Reuse(
            freshness, residentMilliseconds: now - head.storedMilliseconds, hasValidator: head.validators.isUsable,
            isGetOrHead: true, directives: directives)
        switch reuse {
        case .fresh: return base.isInvalidated.load(ordering: .relaxed) ? nil : (.existing(base), nil)
        case .staleWhileRevalidate:
            guard !base.isInvalidated.load(ordering: .relaxed) else { return nil }
            let isFirst = !base.isRevalidating.exchange(true, ordering: .relaxed)
            let new = isFirst ? make() : nil
            return (.stale(base, revalidation: new), new)
        case .gatewayTimeout: return (.notCached, nil)
        case .validate, .mustFetch:
            guard !directives.noStore else { return (.uncacheable, nil) }
            // It is stale for everybody, and who asks for it asks together.
            guard now < base.usableUntilMilliseconds else { return nil }
            guard elects else { return (.unelected(base: base), nil) }
            let new = make()
            return (.elected(new, base: base), new)
        }
    }

    // MARK: Purges

    /// No purge has come since the object was judged.
    @inline(__always)
    func isJudged(_ object: CachedObject) -> Bool {
        object.judgedGeneration.load(ordering: .relaxed) == purges.current
    }

    /// No purge since the object was asked for can be of it, whatever its surrogate keys will be. What was asked for before one
    /// may be what was purged: that is for those who wait for it already. Takes the purges' lock, inside a shard's, where
    /// a purge has come.
    private func isUntouched(_ pending: CachedObject) -> Bool {
        guard !isJudged(pending) else { return true }
        let judged = pending.judgedGeneration.load(ordering: .relaxed)
        let (verdict, upTo) = pending.key.withPurgeSubject(SurrogateKeys(isTruncated: true)) {
            purges.verdict(for: $0, birth: pending.birth, checkedUpTo: judged)
        }
        guard verdict == .untouched else { return false }
        pending.judgedGeneration.store(upTo, ordering: .releasing)
        return true
    }

    /// Judges a stored object by the purges that came since it was judged last: it is left, made stale or taken out. False
    /// when it is gone. Not with a shard's lock held.
    func judge(_ object: CachedObject, nowMilliseconds: Int64) -> Bool {
        guard !isJudged(object), let head = object.head else { return true }
        let judged = object.judgedGeneration.load(ordering: .relaxed)
        let (verdict, upTo) = object.key.withPurgeSubject(head.surrogateKeys) {
            purges.verdict(for: $0, birth: object.birth, checkedUpTo: judged)
        }
        switch verdict {
        case .untouched: break
        case .soft: object.expire(nowMilliseconds: nowMilliseconds)
        case .hard: withdraw(object)
        }
        object.judgedGeneration.store(upTo, ordering: .releasing)
        return verdict != .hard
    }

    /// No purge has meant the object since it was fetched or validated, however long it has been stale.
    func isUnpurged(_ object: CachedObject) -> Bool {
        guard object.birth != purges.current, let head = object.head else { return true }
        return object.key.withPurgeSubject(head.surrogateKeys) {
            purges.verdict(for: $0, birth: object.birth, checkedUpTo: object.birth).verdict == .untouched
        }
    }

    /// The stored responses of a key, whatever their variants; without those on their way.
    func stored(_ key: CacheKey) -> [CachedObject] {
        shard(key).entries.withLock { entries in
            entries.entries[key]?.objects.filter { $0.phase == .ready } ?? []
        }
    }

    /// The head of a fill has come: from now on the object is found by what its response depends on. Before the phase
    /// leaves `waitingForHead`. An object that is not in the table only gets its variant.
    func settle(_ object: CachedObject, _ rule: VaryRule?, _ variant: VariantKey) {
        let dropped: [CachedObject] = shard(object.key).entries.withLock { entries in
            object.variant = variant
            guard var entry = entries.entries[object.key], entry.objects.contains(where: { $0 === object }) else {
                return []
            }
            var dropped: [CachedObject] = []
            if entry.rule != rule {
                // Others were stored by another rule: nobody would find them.
                dropped = entry.objects.filter { $0 !== object && $0.phase != .waitingForHead }
                entry.objects.removeAll { other in dropped.contains { $0 === other } }
                entry.rule = rule
            }
            while entry.objects.count > Self.variantsMax,
                let index = entry.objects.firstIndex(where: { $0 !== object && $0.phase != .waitingForHead })
            {
                dropped.append(entry.objects.remove(at: index))
            }
            entries.entries[object.key] = entry
            return dropped
        }
        for object in dropped { removeFromOrder(object) }
    }
}
