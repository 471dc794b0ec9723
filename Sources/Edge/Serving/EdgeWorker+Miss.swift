// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Synchronization

/// What the near cache could not answer: the shared table is asked, a fill joined or started, or the request goes its own way.
extension EdgeWorker {
    /// The near cache had no answer: use, join or start a fill.
    func miss(_ exchange: Exchange, _ key: CacheKey, _ request: StoredRequest) {
        guard !upstreamFields.isLooping(request) else { return respondLoop(exchange) }
        if tier.memory.isTight { relieveMemory() }
        let obtained = tier.obtain(
            key, nowMilliseconds: loop.now, directives: directives(of: request), select: { $0.key(of: request.fields) },
            make: { makeObject(key, variant: $0) })
        defer { if let object = obtained.object { release(object) } }
        switch obtained {
        case .existing(let object):
            join(exchange, object, request)
            lookAhead(from: object, request)
        case .elected(let object, let base):
            counters.misses.add()
            guard !tier.memory.isExhausted else { return refuse(exchange, object) }
            if base == nil, let disk, disk.holds(object) {
                let wanted = slices(of: request)
                DiskFill(object: object, request: request, wanted: wanted, worker: self).start(disk.tier)
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
        case .uncacheable: fetchAlone(exchange, key, request)
        case .notCached: respondError(exchange, status: 504, .rejected, texts.notCached)
        }
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
        request.authority.withUnsafeBytes { lookAhead(from: object, authority: $0) }
    }

    /// What a request says of caching, where that is obeyed.
    private func directives(of request: StoredRequest) -> RequestDirectives? {
        guard settings.cacheRules.honoursRequestDirectives else { return nil }
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
        guard object.phase == .ready, !object.isUncacheable.load(ordering: .acquiring) else {
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
    private func isSelected(_ object: CachedObject, by request: StoredRequest) -> Bool {
        guard let rule = object.head?.vary else { return true }
        return rule.key(of: request.fields) == object.variant
    }

    private func answer(
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
    }

    /// The response is not to be shared: this request gets a fill of its own, which nobody else can find.
    private func fetchAlone(_ exchange: Exchange, _ key: CacheKey, _ request: StoredRequest) {
        let object = makeObject(key)
        guard !tier.memory.isExhausted else { return refuse(exchange, object) }
        start(Fill(object: object, for: .alone, request: request, worker: self))
        wait(exchange, object, request, isElector: true, .bypass)
    }

    /// A request that may change something goes upstream as it is, with its content.
    func pass(_ exchange: Exchange, _ key: CacheKey, _ request: StoredRequest, content: [UInt8]) {
        guard !upstreamFields.isLooping(request) else { return respondLoop(exchange) }
        let object = makeObject(key)
        guard !tier.memory.isExhausted else { return refuse(exchange, object) }
        start(Fill(object: object, for: .pass(content: content), request: request, worker: self))
        wait(exchange, object, request, isElector: true, .method)
    }

    // MARK: Waiting

    private func wait(
        _ exchange: Exchange, _ object: CachedObject, _ request: StoredRequest, isElector: Bool,
        _ disposition: Disposition
    ) {
        let reader = Reader(
            exchange: exchange, object: object, request: request, isElector: isElector,
            disposition: disposition, deadlineMilliseconds: loop.now + settings.waitMilliseconds)
        attach(reader, to: exchange)
        if isElector { fills[ObjectIdentifier(object)]?.onlyReader = reader }
        guard waitingCount < settings.waitersMax else {
            counters.waitersRefused.add()
            return respondError(exchange, status: 503, .error, texts.overloaded)
        }
        awaitHead(reader)
    }

    private func attach(_ reader: Reader, to exchange: Exchange) {
        exchange.parked = reader
        reader.object.readers.wrappingAdd(1, ordering: .relaxed)
    }

    /// Counts an exchange among the readers of an object whose body is not whole, so that its fill goes on.
    func attach(_ exchange: Exchange, to object: CachedObject, _ request: StoredRequest) {
        let reader = Reader(
            exchange: exchange, object: object, request: request, isElector: false, disposition: .hit,
            deadlineMilliseconds: .max)
        attach(reader, to: exchange)
    }

    /// Puts the reader among those to be woken when the object's head is there.
    private func awaitHead(_ reader: Reader) {
        let identifier = ObjectIdentifier(reader.object)
        list(reader, for: identifier)
        reader.object.waiting.add(index)
        // The publication may have come before the bit was set: look once more, from the mailbox, because
        // the caller may be inside a callback of the HTTP session.
        if reader.object.phase != .waitingForHead { loop.mailbox.post { [self] in progressed(identifier) } }
    }

    /// Puts the reader among those to be woken when there is more of the body.
    private func awaitBody(_ reader: Reader, _ body: BodySource) {
        let identifier = ObjectIdentifier(body)
        list(reader, for: identifier)
        guard let stored = body as? StoredBody else { return }
        stored.waiting.add(index)
        if isReadable(reader) { loop.mailbox.post { [self] in progressed(identifier) } }
    }

    private func list(_ reader: Reader, for identifier: ObjectIdentifier) {
        reader.listedFor = identifier
        waitingCount += 1
        waiters[identifier, default: WaiterList()].readers.append(reader)
    }

    private func isReadable(_ reader: Reader) -> Bool {
        guard let exchange = reader.exchange else { return true }
        // The position is one of what is sent, which may be several parts of the object.
        if case .pending? = exchange.body?.window(at: exchange.position) { return false }
        return true
    }

    /// The body under this response is pending: list its reader. Called from inside the HTTP session.
    func bodyStalled(_ exchange: Exchange) {
        // Only what is not whole can be pending, and its readers are attached.
        guard let parked = exchange.parked, let body = exchange.body else { return }
        let reader = unsafeDowncast(parked, to: Reader.self)
        let source = (body as? MultipartBody)?.source ?? body
        if reader.listedFor == nil { awaitBody(reader, source) }
        if let stored = source as? StoredBody, stored.isInPieces { fetchPiece(for: reader, exchange, stored) }
        if reader.isElector { fills[ObjectIdentifier(reader.object)]?.readerCaughtUp() }
    }

    /// Tells every worker with readers that wait for the object's head. Called by the fill's thread.
    func notify(_ object: CachedObject) { wake(object.waiting.take(), ObjectIdentifier(object), keeping: object) }

    /// Tells every worker with readers that wait for more of the body. Called by whoever has published it.
    func notify(_ body: StoredBody) { wake(body.waiting.take(), ObjectIdentifier(body), keeping: body) }

    /// `thing` lives until all have been told: an identifier must not get another owner meanwhile.
    private func wake(_ workers: UInt64, _ identifier: ObjectIdentifier, keeping thing: some AnyObject & Sendable) {
        var workers = workers
        while workers != 0 {
            let peer = peers[workers.trailingZeroBitCount]
            workers &= workers - 1
            peer.loop.mailbox.post { withExtendedLifetime(thing) { peer.progressed(identifier) } }
        }
    }

    /// There is news: go on with everyone here who waits for it.
    func progressed(_ identifier: ObjectIdentifier) {
        guard let list = waiters.removeValue(forKey: identifier) else { return }
        for reader in list.readers where reader.listedFor == identifier {
            reader.listedFor = nil
            waitingCount -= 1
            guard let exchange = reader.exchange else { continue }
            if exchange.status != 0 {
                exchange.resume()
            } else {
                answer(reader, exchange)
            }
        }
    }

    private func answer(_ reader: Reader, _ exchange: Exchange) {
        let object = reader.object
        switch object.phase {
        case .waitingForHead: awaitHead(reader)
        case .ready:
            if !reader.isElector {
                if object.isUncacheable.load(ordering: .acquiring) { return goAlone(reader, exchange) }
                // The response depends on what this request asked for differently.
                guard isSelected(object, by: reader.request) else { return goAgain(reader, exchange) }
            }
            let disposition = finalDisposition(reader)
            reader.request.withConditions { respond(exchange, object, $0, disposition) }
        case .failed:
            switch object.outcome {
            case .uncacheable: goAlone(reader, exchange)
            case .unreachable: respondError(exchange, status: 503, .error, texts.unreachable, object.error)
            case .refused: respondError(exchange, status: 503, .error, texts.overloaded, object.error)
            case .waitedTooLong: respondError(exchange, status: 504, .error, texts.waitedTooLong, object.error)
            case .transientError, .died, .done:
                respondError(exchange, status: 502, .error, texts.upstreamFailed, object.error)
            }
        }
    }

    private func finalDisposition(_ reader: Reader) -> Disposition {
        let object = reader.object
        if object.isFromDisk.load(ordering: .relaxed) { return .diskHit }
        if object.isStandIn.load(ordering: .relaxed) { return .staleOnError }
        if object.isRefreshed.load(ordering: .relaxed) { return .validated }
        guard reader.disposition == .miss || reader.disposition == .refetched else { return reader.disposition }
        if case .store? = object.head?.storability { return reader.disposition }
        return .pass
    }

    private func goAlone(_ reader: Reader, _ exchange: Exchange) {
        leave(reader)
        exchange.parked = nil
        fetchAlone(exchange, reader.object.key, reader.request)
    }

    private func goAgain(_ reader: Reader, _ exchange: Exchange) {
        leave(reader)
        exchange.parked = nil
        miss(exchange, reader.object.key, reader.request)
    }

    /// The reader's client has its answer or has gone.
    func leave(_ reader: Reader) {
        reader.exchange = nil
        let object = reader.object
        if let listed = reader.listedFor {
            reader.listedFor = nil
            waitingCount -= 1
            waiters[listed]?.departed()
        }
        release(object)
    }

    /// One of the object's readers is none any more.
    func release(_ object: CachedObject) {
        let left = object.readers.wrappingSubtract(1, ordering: .relaxed).newValue
        // The body may be looked at only once the phase has announced it.
        let phase = object.phase
        guard left == 0, phase != .failed, phase == .waitingForHead || !object.isWhole else { return }
        let peer = peers[object.fillWorker]
        peer.loop.mailbox.post { peer.readersGone(object) }
    }

    func readersGone(_ object: CachedObject) {
        // Somebody may have come meanwhile.
        guard object.readers.load(ordering: .relaxed) == 0 else { return }
        fills[ObjectIdentifier(object)]?.readersGone()
    }

    /// Answers 504 to those who have waited for a head for too long.
    func expireWaiters() {
        guard !waiters.isEmpty else { return }
        for list in waiters.values {
            for reader in list.readers where loop.now >= reader.deadlineMilliseconds {
                guard let exchange = reader.exchange, exchange.status == 0 else { continue }
                counters.waitsTimedOut.add()
                respondError(exchange, status: 504, .error, texts.waitedTooLong, .responseTimeout)
            }
        }
    }
}
