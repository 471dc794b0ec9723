// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Synchronization

extension EdgeWorker {
    /// Waiting readers of one worker; beyond that a miss is refused with 503.
    private static let waitersMax = 20_000

    /// The near cache had no answer: use, join or start a fill.
    func miss(_ exchange: Exchange, _ key: CacheKey, _ conditions: Conditions) {
        let obtained = tier.obtain(key, nowMilliseconds: loop.now) {
            CachedObject(key: key, fillWorker: index, memory: tier.memory)
        }
        switch obtained {
        case .existing(let object): join(exchange, object, conditions)
        case .elected(let object):
            counters.misses.add()
            guard !tier.memory.isExhausted else { return refuse(exchange, object) }
            start(Fill(object: object, replacing: nil, worker: self))
            wait(exchange, object, StoredConditions(conditions), isElector: true, .miss)
        case .stale(let object, let revalidate):
            counters.staleHits.add()
            if revalidate { self.revalidate(object) }
            respond(exchange, object, conditions, .staleHit)
        case .uncacheable: fetchAlone(exchange, key, StoredConditions(conditions))
        }
    }

    /// No room for another body: evictions and finished responses will make some.
    private func refuse(_ exchange: Exchange, _ object: CachedObject) {
        counters.fillsRefused.add()
        object.fail(.refused)
        tier.withdraw(object)
        notify(object)
        respondError(exchange, status: 503, .error, texts.overloaded)
    }

    private func join(_ exchange: Exchange, _ object: CachedObject, _ conditions: Conditions) {
        // The fill's worker goes on meanwhile: only a head that is there and may be shared is answered from at once,
        // everything else takes the way of those who wait.
        let phase = object.phase
        guard phase == .streaming || phase == .complete, !object.isUncacheable.load(ordering: .acquiring) else {
            counters.misses.add()
            counters.collapsed.add()
            return wait(exchange, object, StoredConditions(conditions), isElector: false, .collapsed)
        }
        if phase == .streaming { attach(exchange, to: object) }
        nearCache.insert(object)
        object.mark.hit(tick: EvictionMark.tick(milliseconds: loop.now))
        respond(exchange, object, conditions, .hit)
    }

    private func start(_ fill: Fill) {
        fills[ObjectIdentifier(fill.object)] = fill
        fill.start()
    }

    func forget(_ fill: Fill) {
        fills[ObjectIdentifier(fill.object)] = nil
    }

    private func revalidate(_ stale: CachedObject) {
        start(
            Fill(
                object: CachedObject(key: stale.key, fillWorker: index, memory: tier.memory), replacing: stale,
                worker: self))
    }

    /// The response is not to be shared: this request gets a fill of its own, which nobody else can find.
    private func fetchAlone(_ exchange: Exchange, _ key: CacheKey, _ conditions: StoredConditions) {
        let object = CachedObject(key: key, fillWorker: index, memory: tier.memory)
        guard !tier.memory.isExhausted else { return refuse(exchange, object) }
        start(Fill(object: object, replacing: nil, worker: self))
        wait(exchange, object, conditions, isElector: true, .bypass)
    }

    // MARK: Waiting

    private func wait(
        _ exchange: Exchange, _ object: CachedObject, _ conditions: StoredConditions, isElector: Bool,
        _ disposition: Disposition
    ) {
        let reader = Reader(
            exchange: exchange, object: object, conditions: conditions, isElector: isElector,
            disposition: disposition, deadlineMilliseconds: loop.now + settings.waitMilliseconds)
        attach(reader, to: exchange)
        if isElector { fills[ObjectIdentifier(object)]?.onlyReader = reader }
        guard waitingCount < Self.waitersMax else {
            return respondError(exchange, status: 503, .error, texts.overloaded)
        }
        list(reader)
    }

    private func attach(_ reader: Reader, to exchange: Exchange) {
        exchange.parked = reader
        reader.object.readers.wrappingAdd(1, ordering: .relaxed)
    }

    /// Counts an exchange among the readers of an object that is still arriving, so that its fill goes on.
    @discardableResult
    func attach(_ exchange: Exchange, to object: CachedObject) -> Reader {
        let reader = Reader(
            exchange: exchange, object: object,
            conditions: StoredConditions(Conditions()), isElector: false,
            disposition: .hit, deadlineMilliseconds: .max)
        attach(reader, to: exchange)
        return reader
    }

    /// Puts the reader among those to be woken by the object's next publication.
    private func list(_ reader: Reader) {
        reader.isListed = true
        waitingCount += 1
        waiters[ObjectIdentifier(reader.object), default: WaiterList()].readers.append(reader)
        reader.object.awaitProgress(worker: index)
        // The publication may have come before the bit was set: look once more, from the mailbox, because
        // the caller may be inside a callback of the HTTP session.
        let isReady: Bool
        switch reader.object.phase {
        case .waitingForHead: isReady = false
        case .complete, .failed: isReady = true
        case .streaming: isReady = reader.exchange.map { isReadable(reader, $0) } ?? true
        }
        if isReady {
            let object = reader.object
            loop.mailbox.post { [self] in progressed(object) }
        }
    }

    private func isReadable(_ reader: Reader, _ exchange: Exchange) -> Bool {
        guard exchange.status != 0 else { return true }
        // The position is one of what is sent, which may be several parts of the object.
        if case .pending? = exchange.body?.window(at: exchange.position) { return false }
        return true
    }

    /// The body under this response is pending: list its reader. Called from inside the HTTP session.
    func bodyStalled(_ exchange: Exchange) {
        let reader: Reader
        if let parked = exchange.parked {
            reader = unsafeDowncast(parked, to: Reader.self)
        } else {
            // Only objects in progress have pending bodies.
            let source = (exchange.body as? MultipartBody)?.source ?? exchange.body
            guard let object = source as? CachedObject else { return }
            reader = attach(exchange, to: object)
        }
        if !reader.isListed { list(reader) }
        if reader.isElector { fills[ObjectIdentifier(reader.object)]?.readerCaughtUp() }
    }

    /// Tells every worker with readers of the object that there is news. Called by the fill's worker.
    func notify(_ object: CachedObject) {
        var workers = object.takeWaitingWorkers()
        while workers != 0 {
            let peer = peers[workers.trailingZeroBitCount]
            workers &= workers - 1
            peer.loop.mailbox.post { peer.progressed(object) }
        }
    }

    /// There is news of an object: go on with everyone here who waits for it.
    func progressed(_ object: CachedObject) {
        guard let list = waiters.removeValue(forKey: ObjectIdentifier(object)) else { return }
        for reader in list.readers where reader.isListed {
            reader.isListed = false
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
        case .waitingForHead: list(reader)
        case .streaming, .complete:
            if object.isUncacheable.load(ordering: .acquiring), !reader.isElector {
                return goAlone(reader, exchange)
            }
            let disposition = storedDisposition(reader)
            reader.conditions.withViews { respond(exchange, object, $0, disposition) }
        case .failed:
            switch object.outcome {
            case .uncacheable: goAlone(reader, exchange)
            case .refused: respondError(exchange, status: 503, .error, texts.overloaded)
            case .waitedTooLong: respondError(exchange, status: 504, .error, texts.waitedTooLong)
            case .transientError, .died, .done: respondError(exchange, status: 502, .error, texts.upstreamFailed)
            }
        }
    }

    private func storedDisposition(_ reader: Reader) -> Disposition {
        guard reader.disposition == .miss else { return reader.disposition }
        if case .store? = reader.object.head?.storability { return .miss }
        return .pass
    }

    private func goAlone(_ reader: Reader, _ exchange: Exchange) {
        leave(reader)
        exchange.parked = nil
        fetchAlone(exchange, reader.object.key, reader.conditions)
    }

    /// The reader's client has its answer or has gone.
    func leave(_ reader: Reader) {
        reader.exchange = nil
        let object = reader.object
        if reader.isListed {
            reader.isListed = false
            waitingCount -= 1
            waiters[ObjectIdentifier(object)]?.departed()
        }
        let left = object.readers.wrappingSubtract(1, ordering: .relaxed).newValue
        guard left == 0, object.phase != .complete, object.phase != .failed else { return }
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
                respondError(exchange, status: 504, .error, texts.waitedTooLong)
            }
        }
    }
}
