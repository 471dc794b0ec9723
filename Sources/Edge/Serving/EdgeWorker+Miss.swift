// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Synchronization

/// What the near cache could not answer: the shared table is asked, a fill joined or started, or the request goes its own way.
extension EdgeWorker {
    /// The near cache had no answer: use, join or start a fill.
    func miss(_ exchange: Exchange, _ key: CacheKey, _ request: StoredRequest) {
        guard !request.site.upstreamFields.isLooping(request) else { return respondLoop(exchange) }
        if tier.memory.isTight { relieveMemory() }
        let obtained = tier.obtain(
            key, nowMilliseconds: loop.now, elects: mayBeElected(request, key), directives: directives(of: request),
            select: { $0.key(of: request.fields) }, make: { makeObject(key, variant: $0) })
        defer { if let object = obtained.object { release(object) } }
        switch obtained {
        case .existing(let object):
            join(exchange, object, request)
            lookAhead(from: object, request)
        case .elected(let object, let base):
            counters.misses.add()
            if let base, standInAtOnce(exchange, object, base, request) { break }
            guard !tier.memory.isExhausted else { return refuse(exchange, object) }
            if base == nil, let disk, let key = disk.key(of: object) {
                let wanted = slices(of: request)
                DiskFill(object: object, request: request, wanted: wanted, worker: self).start(disk, key)
            } else {
                fetch(object, base: base, request)
            }
            wait(exchange, object, request, isElector: true, base == nil ? .miss : .refetched)
            lookAhead(from: object, request)
        case .stale(let object, let revalidation):
            counters.staleHits.add()
            if let revalidation {
                start(Fill(object: revalidation, for: .shared(base: object), request: request, worker: self))
            }
            answer(exchange, from: object, request, object.isStandInNow(loop.now) ? .staleOnError : .staleHit)
            lookAhead(from: object, request)
        case .unelected(let base): fetchHead(exchange, key, base: base, request)
        case .uncacheable: fetchAlone(exchange, key, request)
        case .notCached: respondError(exchange, status: 504, .rejected, texts.notCached)
        }
    }

    /// HEAD brings no body to store: it goes upstream as it is, unless the disk has the answer.
    private func mayBeElected(_ request: StoredRequest, _ key: CacheKey) -> Bool {
        request.method != .head || disk?.tier.contains(key.bytes) == true
    }

    /// Lets go, on all workers, of evicted objects that only near caches hold: at once, not with the next turn.
    private func relieveMemory() {
        sweep()
        for peer in peers where peer !== self {
            guard !peer.isSweepDue.exchange(true, ordering: .relaxed) else { continue }
            peer.loop.mailbox.post { peer.sweep() }
        }
    }

    private func lookAhead(from object: CachedObject, _ request: StoredRequest) {
        request.authority.withUnsafeBytes { lookAhead(from: object, request.site, authority: $0) }
    }

    /// What a request says of caching, where that is obeyed.
    private func directives(of request: StoredRequest) -> RequestDirectives? {
        guard request.site.settings.cacheRules.honoursRequestDirectives else { return nil }
        let lines = request.fields.filter { $0.name.elementsEqual("cache-control".utf8) }.map(\.value)
        return lines.isEmpty ? nil : RequestDirectives(lines)
    }

    /// Asks upstream for an object that is waited for.
    func fetch(_ object: CachedObject, base: CachedObject?, _ request: StoredRequest?) {
        let fill = Fill(object: object, for: .shared(base: base), request: request, worker: self)
        if base == nil, let request { fill.askedRange = range(of: request) }
        start(fill)
        // Who was elected may wait already, for what the disk did not have.
        fill.onlyReader = waiters[ObjectIdentifier(object)]?.readers.first { $0.isElector && $0.exchange != nil }
    }

    func makeObject(_ key: CacheKey, variant: VariantKey = .independent) -> CachedObject {
        CachedObject(key: key, fillWorker: index, memory: tier.memory, variant: variant, birth: purges.current)
    }

    /// The slices to read from the disk at first.
    private func slices(of request: StoredRequest) -> Range<Int> {
        let ahead = max(1, settings.readAheadBytes / StoredBody.sliceBytes)
        guard case .bytes(let range)? = range(of: request) else { return 0..<ahead }
        let slices = SliceRange.slices(of: range)
        return slices.lowerBound..<min(slices.upperBound, slices.lowerBound + ahead)
    }

    /// The slices of an unknown representation that a request needs first; nil when it needs all of it. What is needed
    /// beyond them is fetched when the response gets there.
    private func range(of request: StoredRequest) -> UpstreamRange? {
        guard settings.fetchesPieces, request.method == .get, let value = request.all("range"),
            let range = value.withUnsafeBytes({ ByteRange($0) })
        else { return nil }
        let wanted: RequestedRange
        switch range {
        case .closed(let first, let last): wanted = .closed(first: first, last: last)
        case .from(let first): wanted = .from(first: first)
        // Where the end is, the first slice tells.
        case .suffix: wanted = .closed(first: 0, last: 0)
        }
        let plan = SliceRange.plan(wanted, total: nil, readAheadBytes: settings.readAheadBytes)
        guard case .fetch(let asked) = plan else { return nil }
        return asked
    }

    /// No room for another body: evictions and finished responses will make some.
    private func refuse(_ exchange: Exchange, _ object: CachedObject) {
        counters.fillsRefused.add()
        object.fail(.refused)
        tier.withdraw(object)
        notify(object)
        respondError(exchange, status: 503, .error, texts.overloaded)
    }

    private func join(_ exchange: Exchange, _ object: CachedObject, _ request: StoredRequest) {
        // The fill's worker goes on meanwhile: only a head that is there and may be shared is answered from at once,
        // everything else takes the way of those who wait.
        guard object.phase == .ready, !object.isUncacheable.load(ordering: .acquiring),
            bodyToEncode(object, for: request) == nil
        else {
            counters.misses.add()
            counters.collapsed.add()
            if !takesPrefetch(object) { object.isWanted.store(true, ordering: .relaxed) }
            return wait(exchange, object, request, isElector: false, .collapsed)
        }
        // The head came after the object was found: it may depend on what this request asked for differently.
        guard isSelected(object, by: request) else { return miss(exchange, object.key, request) }
        if object.variant == .independent, object.isWhole { nearCache.insert(object) }
        object.mark.hit(tick: EvictionMark.tick(milliseconds: loop.now))
        if !object.isWanted.load(ordering: .relaxed) { noteSecondUse(object) }
        answer(exchange, from: object, request, .hit)
    }

    /// The request asks for what the response depends on as the one did that fetched it. Only where the head is there.
    func isSelected(_ object: CachedObject, by request: StoredRequest) -> Bool {
        guard let rule = object.head?.vary else { return true }
        return rule.key(of: request.fields) == object.variant
    }

    func answer(
        _ exchange: Exchange, from object: CachedObject, _ request: StoredRequest, _ disposition: Disposition
    ) {
        if !object.isWhole { attach(exchange, to: object, request) }
        request.withConditions { respond(exchange, object, $0, disposition) }
    }

    func start(_ fill: Fill) {
        fills[ObjectIdentifier(fill.object)] = fill
        fill.start()
    }

    func forget(_ fill: Fill) {
        if fills.removeValue(forKey: ObjectIdentifier(fill.object)) != nil, fill.isAhead { prefetchCount -= 1 }
        if heads[fill.object.key] === fill.object { heads[fill.object.key] = nil }
    }

    /// The response is not to be shared: this request gets a fill of its own, which nobody else can find.
    func fetchAlone(_ exchange: Exchange, _ key: CacheKey, _ request: StoredRequest) {
        let object = makeObject(key)
        guard !tier.memory.isExhausted else { return refuse(exchange, object) }
        start(Fill(object: object, for: .alone, request: request, worker: self))
        wait(exchange, object, request, isElector: true, .bypass)
    }

    /// Asks for a head alone, with all of this worker that ask for it now; `base` is the stale response that it may say
    /// something of.
    private func fetchHead(_ exchange: Exchange, _ key: CacheKey, base: CachedObject?, _ request: StoredRequest) {
        counters.misses.add()
        if let pending = heads[key], pending.phase == .waitingForHead, pending.birth == purges.current {
            counters.collapsed.add()
            return wait(exchange, pending, request, isElector: false, .collapsed)
        }
        let object = makeObject(key)
        guard !tier.memory.isExhausted else { return refuse(exchange, object) }
        heads[key] = object
        start(Fill(object: object, for: .head(base: base), request: request, worker: self))
        wait(exchange, object, request, isElector: true, base == nil ? .miss : .refetched)
    }

    /// A request that may change something goes upstream as it is, with its content.
    func pass(_ exchange: Exchange, _ key: CacheKey, _ request: StoredRequest, content: [UInt8]) {
        guard !request.site.upstreamFields.isLooping(request) else { return respondLoop(exchange) }
        let object = makeObject(key)
        guard !tier.memory.isExhausted else { return refuse(exchange, object) }
        start(Fill(object: object, for: .pass(content: content), request: request, worker: self))
        wait(exchange, object, request, isElector: true, .method)
    }
}
