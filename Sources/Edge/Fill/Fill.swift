// SPDX-License-Identifier: Apache-2.0
//
// The transfer of one response from upstream. It belongs to its object, and by that to its key: no client's coming or
// going touches it, but that all have left. Runs on the worker that was elected; the upstream connection holds it while
// a request is out, and the worker lists it until it has ended.
//
// This file: asking, failing and ending. Fill+Head.swift: what becomes of the response's head. Fill+StandIn.swift: what a stale
// response does for one that failed. Fill+Methods.swift: what responses to other methods than GET say of stored ones.

import Base
import Cache
import Net
import Synchronization

/// One fill in progress.
final class Fill: UpstreamHandler {
    /// For whom the response is fetched.
    enum Purpose {
        /// For all who ask for the key. `base` is the stale response that is validated, or stands in for a failure.
        case shared(base: CachedObject?)
        /// For the HEADs of a key, whose response may say something of the stored response that it was sent for.
        case head(base: CachedObject?)
        /// For one request whose response is known not to be shared.
        case alone
        /// For one request that may change something (RFC 9110 section 9.2), with its content.
        case pass(content: [UInt8])
    }

    let object: CachedObject
    let purpose: Purpose
    /// The request that was elected; nil for a fetch that nobody waits for.
    let request: StoredRequest?
    /// Whose upstream is asked, and whose rules the response is judged by.
    let site: Site
    /// Begun ahead of clients: it goes on without readers, within `prefetch`'s limits.
    let isAhead: Bool
    unowned let worker: EdgeWorker
    var machine: FillMachine
    /// As it was when the fill began: a reload must not change it under a body that is on its way.
    let objectBytesMax: Int
    private let route: UpstreamRoute
    private var fetch: UpstreamFetch?
    /// The one reader of a response that is not to be shared; see `holdBack`.
    weak var onlyReader: Reader?
    private var isPaused = false
    /// False once upstream's answer to the condition could not be used.
    var isConditional = true
    /// What of the representation was asked for; nil for all of it.
    var askedRange: UpstreamRange?
    /// Wall time at which the present request was sent.
    private(set) var requestMilliseconds: Int64 = 0
    /// Where the body goes; set with the head.
    var sink = Sink.none
    private(set) var error = ProxyError.none

    /// Where the bytes of the body go.
    enum Sink {
        case none
        /// The response has a body that nobody wants.
        case nowhere
        case stored(StoredBody)
        case pipe(PipeBody)
        /// Slices of a body in pieces: the run that this fill has claimed, and where the next bytes belong.
        case pieces(StoredBody, run: Range<Int>, position: Int)
    }

    init(
        object: CachedObject, for purpose: Purpose, request: StoredRequest?, worker: EdgeWorker, isAhead: Bool = false
    ) {
        self.object = object
        self.purpose = purpose
        self.request = request
        site = request?.site ?? worker.top
        self.worker = worker
        self.isAhead = isAhead
        route = UpstreamRoute(key: object.key.bytes)
        var isIdempotent = true
        if case .pass = purpose { isIdempotent = false }
        objectBytesMax = worker.settings.objectBytesMax
        machine = FillMachine(
            triesMax: site.router.triesMax, objectBytesMax: objectBytesMax,
            finishBytesMax: worker.settings.finishBytesMax, isIdempotent: isIdempotent,
            aheadBytesMax: isAhead ? worker.settings.prefetch.objectBytesMax : nil)
    }

    var base: CachedObject? {
        switch purpose {
        case .shared(let base), .head(let base): base
        case .alone, .pass: nil
        }
    }

    /// Asks upstream. A request that can not be sent on as it is fails, and so does one for which there is no server.
    func start() {
        guard let request = worker.upstreamRequest(for: self) else {
            error = .internalError
            return later { $0.end(.transientError) }
        }
        guard let fetch = site.router.start(request, on: route, self) else {
            error = .destinationUnavailable
            return later { $0.end(.unreachable) }
        }
        requestMilliseconds = Clock.wallMilliseconds()
        worker.counters.upstreamRequests.add()
        self.fetch = fetch
    }

    /// Goes on with the fill when the present call has returned, on this same thread.
    private func later(_ body: @escaping @Sendable (Fill) -> Void) {
        nonisolated(unsafe) let fill = self
        worker.loop.mailbox.post { body(fill) }
    }

    /// Every reader has left: go on only if it is nearly done.
    func readersGone() {
        // A pipe without a reader would never be emptied.
        if case .shared(let base?) = purpose, base.isRevalidating.load(ordering: .relaxed),
            !object.isUncacheable.load(ordering: .relaxed)
        {
            return
        }
        // A newer object has taken the body over, and its readers are not counted here.
        if case .stored(let stored) = sink, stored.isShared.load(ordering: .relaxed) { return }
        var next = machine
        guard next.readersGone(hasRoom: !worker.tier.memory.isExhausted), worker.tier.abandon(object) else { return }
        machine = next
        fetch?.cancel()
        worker.counters.fillsCancelled.add()
        end(.died)
    }

    /// Goes on to the request that was elected; those that share its response have not asked upstream for anything.
    override func received(interim response: UpstreamResponse) {
        guard let exchange = onlyReader?.exchange, let fields = site.headBuilder.interim(response) else { return }
        exchange.sendInterim(status: response.status, fields)
    }

    override func received(_ response: UpstreamResponse) -> Bool { take(response) }

    override func received(body: UnsafeRawBufferPointer) -> Bool {
        if let outcome = machine.bodyArrived(body.count) {
            // Nobody said that it would be larger than an object may be: the next request gets it passed on.
            if case .stored(let stored) = sink, stored.length == nil {
                worker.tier.markUncacheable(object.key, nowMilliseconds: worker.loop.now)
            }
            end(outcome)
            return false
        }
        worker.counters.upstreamBytes.add(body.count)
        switch sink {
        case .none, .nowhere: break
        case .stored(let stored):
            stored.append(body)
            if stored.length == nil, worker.tier.memory.isExhausted {
                // Nobody said how long it would be.
                worker.counters.fillsRefused.add()
                end(.refused)
                return false
            }
            if isAhead { holdToLimits(stored) }
            worker.notify(stored)
        case .pipe(let pipe):
            pipe.append(body)
            holdBack(pipe)
            worker.progressed(ObjectIdentifier(pipe))
        case .pieces(let stored, let run, let position):
            stored.write(body, at: position, in: run)
            sink = .pieces(stored, run: run, position: position + body.count)
            worker.notify(stored)
        }
        return true
    }

    /// A body that nobody has asked for ends when memory does, or where it is too long.
    private func holdToLimits(_ body: StoredBody) {
        let isTooLong = body.length == nil && body.appendedBytes > worker.settings.prefetch.objectBytesMax
        if isTooLong || worker.tier.memory.isExhausted { leaveIfNobodyReads() }
    }

    /// What its reader has taken is given up, and upstream waits while the reader is far behind.
    private func holdBack(_ pipe: PipeBody) {
        var position = 0
        // A reader whose answer is on its way starts with the first byte.
        if let exchange = onlyReader?.exchange, exchange.status != 0 {
            position = exchange.position
            pipe.discard(before: position)
        }
        guard !isPaused, pipe.receivedBytes - position > PipeBody.aheadBytesMax else { return }
        isPaused = true
        worker.counters.fillsPaused.add()
        fetch?.pause()
    }

    /// The only reader waits for more.
    func readerCaughtUp() {
        guard isPaused else { return }
        isPaused = false
        fetch?.resume()
    }

    override func ended() {
        end(machine.bodyEnded())
    }

    override func failed(_ failure: UpstreamFailure) {
        switch machine.failed(FillMachine.Failure(failure)) {
        case .retry: start()
        case .end(let outcome):
            error = ProxyError(failure)
            Log.warning("A fill failed", ["key": object.key.text, "failure": "\(failure)", "outcome": "\(outcome)"])
            end(outcome)
        }
    }

    /// Asks once more, without conditions and ranges: upstream's answer to them was of no use.
    func startAgain() {
        isConditional = false
        askedRange = nil
        later { $0.start() }
    }

    func end(_ outcome: FillOutcome) {
        if outcome == .done { finish() } else if !standIn(outcome) { fail(outcome) }
        releaseBase()
        worker.notify(object)
        if let stored = object.stored { worker.notify(stored) }
        if case .pipe(let pipe) = sink { worker.progressed(ObjectIdentifier(pipe)) }
        worker.forget(self)
    }

    /// From now on others may validate the stale response.
    func releaseBase() {
        if case .shared(let base?) = purpose { base.isRevalidating.store(false, ordering: .relaxed) }
    }

    private func finish() {
        switch sink {
        case .none, .nowhere: break
        case .stored(let stored):
            let wasOpenEnded = stored.length == nil
            stored.complete()
            worker.tier.forgetReplaced(object)
            if wasOpenEnded {
                admit()
                worker.tier.recharge(object)
            }
        case .pipe(let pipe): pipe.complete()
        case .pieces(let stored, let run, _):
            stored.release(run)
            worker.tier.recharge(object)
            worker.stored(object, slices: run)
        }
        if object.isWhole { worker.stored(object) }
    }

    /// Puts the object under the budget, where it may be kept.
    func admit() {
        guard case .store? = object.head?.storability else { return }
        worker.tier.admit(object)
    }

    private func fail(_ outcome: FillOutcome) {
        worker.counters.fillsFailed.add()
        if case .pieces(let stored, let run, _) = sink {
            // Who waits for the rest asks for it again.
            stored.release(run)
            if stored.mayTryAgain() { return }
        }
        object.error = error
        // First, so that whoever sees the failure finds what stands in for it.
        giveBackPlace()
        object.fail(outcome)
        worker.tier.withdraw(object)
        if let stored = object.stored { worker.tier.withdraw(stored, of: object.key) }
    }
}
