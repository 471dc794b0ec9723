// SPDX-License-Identifier: Apache-2.0
//
// The transfer of slices that a body in pieces lacks. Runs on the worker whose reader got there first; the slices are
// claimed, so that no two fills fetch the same. It is not given up when its readers leave: it is short. A response that
// is not of the very same representation ends the object, because nothing may be put together from two.

import Base
import Cache
import Net

/// One fetch of missing slices.
final class PieceFill: UpstreamHandler {
    let object: CachedObject
    private let body: StoredBody
    private let run: Range<Int>
    /// Of the reader that got there first: what selects the representation goes upstream with each of its slices.
    private let request: StoredRequest
    private unowned let worker: EdgeWorker
    private var position = 0
    private var expected = 0
    private let route: UpstreamRoute

    /// `run` has been claimed for this fill.
    init(object: CachedObject, body: StoredBody, run: Range<Int>, request: StoredRequest, worker: EdgeWorker) {
        self.object = object
        self.body = body
        self.run = run
        self.request = request
        self.worker = worker
        route = UpstreamRoute(key: object.key.bytes)
    }

    /// The bytes to ask for.
    var asked: UpstreamRange {
        let lower = run.lowerBound * StoredBody.sliceBytes
        let upper = min(run.upperBound * StoredBody.sliceBytes, body.length ?? .max)
        return .bytes(lower..<upper)
    }

    func start() {
        guard let head = object.head, let condition = ConditionalRequest.ifRange(head.validators),
            let request = worker.upstreamRequest(
                for: object.key, request, range: asked, condition: condition)
        else { return giveUp() }
        guard self.request.site.router.start(request, on: route, self) != nil else { return tryAgain() }
        worker.counters.upstreamRequests.add()
        worker.counters.piecesFetched.add()
    }

    override func received(_ response: UpstreamResponse) -> Bool {
        guard let head = object.head, let length = body.length else { return refuse() }
        switch response.status {
        case 206:
            let stored = PartialContent.Stored(validators: head.validators, total: length)
            let content = PartialContent(
                asked: asked, fields: response.fields, contentLength: response.contentLength, stored: stored)
            guard case .combine(let range, _) = content else { return refuse() }
            position = range.lowerBound
            expected = range.upperBound
        case 200:
            // No ranges there, or another representation.
            guard response.contentLength == length,
                head.validators.isSameRepresentation(StoredValidators(response.fields))
            else { return refuse() }
            expected = length
        default: return refuse(isChanged: response.status < 500)
        }
        return true
    }

    override func received(body bytes: UnsafeRawBufferPointer) -> Bool {
        guard position + bytes.count <= expected else { return refuse() }
        body.write(bytes, at: position, in: run)
        position += bytes.count
        worker.counters.upstreamBytes.add(bytes.count)
        worker.notify(body)
        return true
    }

    override func ended() {
        // Less than was asked for is no failure, unless nothing of it can be used: that would go on for ever.
        guard position == expected, body.holds(slice: run.lowerBound) else { return tryAgain() }
        body.release(run)
        worker.tier.recharge(object)
        worker.notify(body)
        worker.forget(self)
        worker.stored(object, slices: run)
        if body.isWhole { worker.stored(object) }
    }

    override func failed(_ failure: UpstreamFailure) {
        Log.warning("Slices could not be fetched", ["key": object.key.text, "failure": "\(failure)"])
        tryAgain()
    }

    /// The representation is not the one whose slices are here.
    private func refuse(isChanged: Bool = true) -> Bool {
        if isChanged { giveUp() } else { tryAgain() }
        return false
    }

    /// Readers that still wait find the slices unclaimed, and ask again.
    private func tryAgain() {
        worker.counters.fillsFailed.add()
        body.release(run)
        guard body.mayTryAgain() else { return giveUp() }
        worker.notify(body)
        worker.forget(self)
    }

    private func giveUp() {
        object.fail(.died)
        worker.tier.withdraw(object)
        worker.tier.withdraw(body, of: object.key)
        worker.notify(body)
        worker.forget(self)
    }
}
