// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Synchronization

/// Requests that wait, for a head or for more of a body: parking, waking and leaving. Everything here is on the worker's own
/// thread but for `notify`, which whoever has published may call.
extension EdgeWorker {
    func wait(
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

    /// The body of a playlist that is on its way and that the client wants compressed: it is small, and sent when it is whole, so
    /// that the first viewer gets what all others get (Apple's HLS authoring specification, rule 10.1).
    func bodyToEncode(_ object: CachedObject, for request: StoredRequest) -> StoredBody? {
        guard let head = object.head, head.isPlaylist, head.isCompressible, let body = object.stored,
            body.length != nil,
            !body.isInPieces, body.phase == .arriving, let accepted = request.all("accept-encoding"),
            accepted.withUnsafeBytes({ AcceptEncoding.prefersGzip($0) })
        else { return nil }
        return body
    }

    /// Puts the reader among those to be woken when there is more of the body, until it has all of it.
    private func awaitWhole(_ reader: Reader, _ body: StoredBody) {
        let identifier = ObjectIdentifier(body)
        list(reader, for: identifier)
        body.waiting.add(index)
        if body.phase != .arriving { loop.mailbox.post { [self] in progressed(identifier) } }
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
            // The body broke off before anything was sent.
            if object.stored?.phase == .failed {
                if answerStale(reader, exchange) { return }
                return respondError(exchange, status: 502, .error, texts.upstreamFailed, object.error)
            }
            if let body = bodyToEncode(object, for: reader.request) { return awaitWhole(reader, body) }
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
        if case .store? = object.head?.storability, object.stored != nil { return reader.disposition }
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

    /// Answers those who have waited for a head for too long: with a stale response where one may stand in, else with 504.
    func expireWaiters() {
        guard !waiters.isEmpty else { return }
        for list in waiters.values {
            for reader in list.readers where loop.now >= reader.deadlineMilliseconds {
                guard let exchange = reader.exchange, exchange.status == 0 else { continue }
                counters.waitsTimedOut.add()
                if answerStale(reader, exchange) { continue }
                respondError(exchange, status: 504, .error, texts.waitedTooLong, .responseTimeout)
            }
        }
    }

    /// Answers a reader with a stale response; false where none may stand in.
    private func answerStale(_ reader: Reader, _ exchange: Exchange) -> Bool {
        guard let stale = standIn(for: reader) else { return false }
        counters.staleOnError.add()
        leave(reader)
        exchange.parked = nil
        answer(exchange, from: stale, reader.request, .staleOnError)
        return true
    }
}
