// SPDX-License-Identifier: Apache-2.0
//
// The transfer of one object from upstream into the memory tier. It belongs to its key: no client's coming
// or going touches it, but that all have left. Runs on the worker that was elected; the upstream
// connection holds it while a request is out, and the worker lists it until it has ended.

import Base
import Cache
import Net
import Synchronization

/// One fill in progress.
final class Fill: UpstreamHandler {
    let object: CachedObject
    /// The stale object that this one is to replace, in a background fill.
    private let replaced: CachedObject?
    private unowned let worker: EdgeWorker
    private var machine: FillMachine
    private let route: UpstreamRoute
    private var fetch: UpstreamFetch?
    /// The one reader of a response that is not to be shared; see `holdBack`.
    weak var onlyReader: Reader?
    private var isPaused = false

    init(object: CachedObject, replacing replaced: CachedObject?, worker: EdgeWorker) {
        self.object = object
        self.replaced = replaced
        self.worker = worker
        route = UpstreamRoute(key: object.key.bytes)
        machine = FillMachine(
            triesMax: worker.router.triesMax, objectBytesMax: worker.settings.objectBytesMax,
            finishBytesMax: worker.settings.finishBytesMax)
    }

    func start() {
        guard let request = worker.upstreamRequest(object.key),
            let fetch = worker.router.start(request, on: route, self)
        else {
            // Not from in here: the caller has still to enter its reader. On this same thread.
            nonisolated(unsafe) let fill = self
            return worker.loop.mailbox.post { fill.end(.transientError) }
        }
        worker.counters.upstreamRequests.add()
        self.fetch = fetch
    }

    /// Every reader has left: go on only if it is nearly done.
    func readersGone() {
        guard replaced == nil, machine.readersGone() else { return }
        fetch?.cancel()
        worker.counters.fillsCancelled.add()
        end(.died)
    }

    override func received(_ response: UpstreamResponse) -> Bool {
        let now = worker.loop.now
        guard let head = worker.headBuilder.build(response, path: object.key.bytes, nowMilliseconds: now) else {
            Log.warning("The head of an upstream response is too large", ["key": object.key.text])
            end(.transientError)
            return false
        }
        // As at the start: others may have begun since, and now the body's length counts.
        guard !worker.tier.memory.isExhausted else {
            worker.counters.fillsRefused.add()
            end(.refused)
            return false
        }
        let isBodiless = response.status == 204 || response.status == 304
        let length = isBodiless ? 0 : response.contentLength
        switch machine.headArrived(head.storability, contentLength: length) {
        case .tooLarge:
            Log.warning("An object is larger than cache.objectBytes", ["key": object.key.text])
            end(.transientError)
            return false
        case .stream(let storability): publish(head, storability, length: length)
        }
        if object.readers.load(ordering: .relaxed) == 0 {
            // Everybody left before the head came; not from in here, where the connection is still at work.
            worker.loop.mailbox.post { [worker, object] in worker.readersGone(object) }
        }
        return true
    }

    private func publish(_ head: ObjectHead, _ storability: Storability, length: Int?) {
        let now = worker.loop.now
        if storability == .uncacheable { object.isUncacheable.store(true, ordering: .releasing) }
        object.publish(
            head: head, length: length, capacityBytes: worker.settings.objectBytesMax, nowMilliseconds: now)
        switch storability {
        case .store: if length != nil { worker.tier.admit(object) }
        case .shareOnce: worker.tier.withdraw(object)
        case .uncacheable:
            worker.tier.withdraw(object)
            worker.tier.markUncacheable(object.key, nowMilliseconds: now)
        }
        worker.notify(object)
    }

    override func received(body: UnsafeRawBufferPointer) -> Bool {
        if let outcome = machine.bodyArrived(body.count) {
            end(outcome)
            return false
        }
        object.append(body)
        worker.counters.upstreamBytes.add(body.count)
        if object.isUncacheable.load(ordering: .relaxed) {
            holdBack()
        } else if object.length == nil, worker.tier.memory.isExhausted {
            // Nobody said how long it would be.
            worker.counters.fillsRefused.add()
            end(.refused)
            return false
        }
        worker.notify(object)
        return true
    }

    /// A body that is not to be shared is a pipe: what its reader has taken is given up, and upstream waits while the
    /// reader is far behind. So an endless body with a slow reader takes no more memory than a short one.
    private func holdBack() {
        guard let exchange = onlyReader?.exchange, exchange.status != 0 else {
            // The reader's answer is on its way; it starts with the first byte.
            return pauseIfAhead(of: 0)
        }
        object.discard(before: exchange.position)
        pauseIfAhead(of: exchange.position)
    }

    private func pauseIfAhead(of position: Int) {
        guard !isPaused, object.availableBytes - position > CachedObject.aheadBytesMax else { return }
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
            Log.warning("A fill failed", ["key": object.key.text, "failure": "\(failure)", "outcome": "\(outcome)"])
            end(outcome)
        }
    }

    private func end(_ outcome: FillOutcome) {
        if outcome == .done {
            let wasOpenEnded = object.length == nil
            object.complete()
            if wasOpenEnded, case .store? = object.head?.storability { worker.tier.admit(object) }
        } else {
            worker.counters.fillsFailed.add()
            object.fail(outcome)
            worker.tier.withdraw(object)
        }
        replaced?.isRevalidating.store(false, ordering: .relaxed)
        worker.notify(object)
        worker.forget(self)
    }
}
