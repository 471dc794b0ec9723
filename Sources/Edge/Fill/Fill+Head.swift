// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Synchronization

/// What becomes of a response's head: a body to store, a pipe, a stored response found good, or a stale one in the place of an error.
extension Fill {
    /// False when nothing more is to come from this response.
    func take(_ response: UpstreamResponse) -> Bool {
        if let base {
            if response.status == 304 { return takeNotModified(response, base) }
            if Reuse.errorStatuses.contains(response.status), standIn(for: base) {
                worker.counters.staleOnError.add()
                finishInPlaceOf(response)
                return false
            }
        }
        // As at the start: others may have begun since, and now the body's length counts.
        guard !worker.tier.memory.isExhausted else {
            worker.counters.fillsRefused.add()
            end(.refused)
            return false
        }
        if response.status == 416, askedRange != nil {
            // It answers the range of one request, and says nothing of the others that wait.
            startAgain()
            return false
        }
        if response.status == 206, let askedRange { return takePiece(response, askedRange) }
        if case .head(let base?) = purpose, let goesOn = takeHead(response, base) { return goesOn }
        let isBodiless = response.status == 204 || response.status == 304 || asksForHead
        return publish(response, length: isBodiless ? 0 : response.contentLength)
    }

    private var isForOne: Bool {
        switch purpose {
        case .shared, .head: false
        case .alone, .pass: true
        }
    }

    /// The request goes upstream as HEAD: no body comes, and none is kept.
    private var asksForHead: Bool {
        if case .shared = purpose { return false }
        return request?.method == .head
    }

    private func arrival(length: Int?, isInPieces: Bool = false) -> ResponseHeadBuilder.Arrival {
        var arrival = ResponseHeadBuilder.Arrival()
        arrival.hasAuthorization = request?.has("authorization") ?? false
        arrival.path = object.key.target
        arrival.length = length
        arrival.isInPieces = isInPieces
        arrival.isAlone = isForOne
        arrival.requestMilliseconds = requestMilliseconds
        arrival.nowMilliseconds = worker.loop.now
        return arrival
    }

    // MARK: A whole response

    private func publish(_ response: UpstreamResponse, length: Int?) -> Bool {
        var arrival = arrival(length: asksForHead ? response.contentLength : length)
        if isAlsoForGet(response) {
            arrival.request = .post(namesTarget: true)
            arrival.isAlone = false
        }
        guard let head = site.headBuilder.build(status: response.status, fields: response.fields, arrival) else {
            Log.warning("The head of an upstream response is too large", ["key": object.key.text])
            end(.transientError)
            return false
        }
        switch machine.headArrived(storability(of: head), contentLength: length) {
        case .tooLarge:
            Log.info("An object is larger than cache.objectBytes and not stored", ["key": object.key.text])
            publishPipe(head)
        case .stream(.uncacheable): publishPipe(head)
        case .stream(let storability): publishStored(head, storability, length: length)
        }
        leaveIfNobodyReads()
        return true
    }

    /// What may be done with the response. Where nobody could find it again, it is for the request that it came for alone.
    private func storability(of head: ObjectHead) -> Storability {
        if asksForHead || isForOne && (head.storability == .shareOnce || head.vary != nil) { return .uncacheable }
        let isFindable = head.vary.map { $0.key(of: request?.fields ?? []) != nil } ?? true
        return isFindable ? head.storability : .uncacheable
    }

    private func publishPipe(_ head: ObjectHead) {
        let pipe = PipeBody(memory: worker.tier.memory)
        sink = .pipe(pipe)
        if case .shared = purpose {
            worker.tier.withdraw(object)
            worker.tier.markUncacheable(object.key, nowMilliseconds: worker.loop.now)
        }
        var isForAll = false
        if case .head = purpose, head.storability != .uncacheable { isForAll = settle(head) }
        object.publish(head: head, pipe: pipe, isForAll: isForAll)
        if case .pass = purpose { worker.invalidate(after: head, request, key: object.key) }
        worker.notify(object)
    }

    private func publishStored(_ head: ObjectHead, _ storability: Storability, length: Int?) {
        guard settle(head) else { return publishPipe(head) }
        if case .pass = purpose { worker.invalidate(after: head, request, key: object.key) }
        let body = StoredBody(
            length: length, capacityBytes: objectBytesMax, memory: worker.tier.memory)
        sink = .stored(body)
        publish(head, body)
        if case .store = storability {
            if length != nil { worker.tier.admit(object) }
        } else {
            worker.tier.withdraw(object)
        }
        worker.notify(object)
    }

    /// Finds out which variant the response is. False when that can not be told: it is for one request.
    private func settle(_ head: ObjectHead) -> Bool {
        guard let rule = head.vary else {
            worker.tier.settle(object, nil, .independent)
            return true
        }
        guard let variant = rule.key(of: request?.fields ?? []) else { return false }
        worker.tier.settle(object, rule, variant)
        return true
    }

    private func publish(_ head: ObjectHead, _ body: StoredBody) {
        object.publish(head: head, body: body)
        // What was purged meanwhile answers only those who had asked before.
        _ = worker.tier.judge(object, nowMilliseconds: worker.loop.now)
    }

    func leaveIfNobodyReads() {
        guard object.readers.load(ordering: .relaxed) == 0 else { return }
        // Everybody left before the head came; not from in here, where the connection is still at work.
        worker.loop.mailbox.post { [worker, object] in worker.readersGone(object) }
    }

    // MARK: A piece

    /// The slices that were asked for, of a representation whose length is known now.
    private func takePiece(_ response: UpstreamResponse, _ asked: UpstreamRange) -> Bool {
        let content = PartialContent(
            asked: asked, fields: response.fields, contentLength: response.contentLength, stored: nil)
        guard case .replace(let range, let total) = content, total <= worker.settings.objectBytesMax else {
            startAgain()
            return false
        }
        let fields = response.fields.filter { !$0.name.elementsEqual("content-range".utf8) }
        guard
            let head = site.headBuilder.build(
                status: 200, fields: fields, arrival(length: total, isInPieces: true)),
            case .store = head.storability, ConditionalRequest.ifRange(head.validators) != nil, settle(head)
        else {
            // What can not be kept, or not be completed later, is fetched as a whole.
            startAgain()
            return false
        }
        _ = machine.headArrived(head.storability, contentLength: range.count)
        let body = StoredBody(piecesOf: total, memory: worker.tier.memory)
        let wanted = SliceRange.wholeSlices(of: range, total: total)
        sink = .pieces(
            body, run: body.claim(from: wanted.lowerBound, to: wanted.upperBound) ?? 0..<0, position: range.lowerBound)
        publish(head, body)
        worker.tier.admit(object)
        worker.notify(object)
        leaveIfNobodyReads()
        return true
    }

    // MARK: Stored responses

    /// The stored response is still good: its bytes get the newer head.
    private func takeNotModified(_ response: UpstreamResponse, _ base: CachedObject) -> Bool {
        guard let head = base.head, let body = base.stored, body.phase != .failed,
            !ValidationMatch.updated(by: response.fields, stored: [head.validators], asked: 0).isEmpty
        else {
            guard isConditional else {
                // It was asked for nothing of the kind.
                end(.transientError)
                return false
            }
            startAgain()
            return false
        }
        worker.counters.revalidations.add()
        object.isRefreshed.store(true, ordering: .relaxed)
        return renew(base, head, body, with: response.fields)
    }

    /// The stored response goes on with newer fields.
    func renew(_ base: CachedObject, _ head: ObjectHead, _ body: StoredBody, with newer: [FieldLine]) -> Bool {
        let arrival = arrival(length: body.length, isInPieces: body.isInPieces)
        let fields = site.headBuilder.merged(head, with: newer)
        guard let merged = site.headBuilder.build(status: head.status, fields: fields, arrival) else {
            end(.transientError)
            return false
        }
        _ = machine.headArrived(merged.storability, contentLength: 0)
        sink = .nowhere
        body.isShared.store(true, ordering: .relaxed)
        if case .store = merged.storability, settle(merged) {
            publish(merged, body)
            worker.tier.admit(object)
            // The fill that writes the body may have failed since it was looked at.
            if body.phase == .failed { worker.tier.withdraw(object) }
            worker.disk?.refresh(object, nowMilliseconds: worker.loop.now)
        } else {
            if merged.storability == .uncacheable {
                // What was everybody's is for this request alone from now on.
                object.isUncacheable.store(true, ordering: .releasing)
                worker.tier.markUncacheable(object.key, nowMilliseconds: worker.loop.now)
            }
            publish(merged, body)
            worker.tier.withdraw(object)
            worker.tier.withdraw(base)
        }
        worker.notify(object)
        return true
    }
}
