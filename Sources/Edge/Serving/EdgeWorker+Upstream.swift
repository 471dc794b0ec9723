// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net
import Synchronization

/// A request that waits for its content before it goes upstream.
final class PendingPass {
    let key: CacheKey
    let request: StoredRequest

    init(key: CacheKey, request: StoredRequest) {
        self.key = key
        self.request = request
    }
}

/// What goes upstream, what goes to disk, and what upstream's answers make of stored responses.
extension EdgeWorker {
    /// The request of a fill; nil when it can not be sent on.
    func upstreamRequest(for fill: Fill) -> UpstreamRequest? {
        let target = fill.object.key.target
        let host = fill.site.upstreamHost(fill.request)
        switch fill.purpose {
        case .shared(let base), .head(let base):
            var fields = fill.site.upstreamFields.fields(of: fill.request, for: .shared)
            if fill.isConditional, let head = base?.head {
                fields += ConditionalRequest.fields(selected: head.validators)
            }
            if let range = fill.askedRange { fields.append((Array("range".utf8), range.fieldValue)) }
            var method = Array("GET".utf8)
            if case .head = fill.purpose { method = Array("HEAD".utf8) }
            return UpstreamRequest(method: method, target: target, host: host, fields: fields)
        case .alone:
            let fields = fill.site.upstreamFields.fields(of: fill.request, for: .shared)
            return UpstreamRequest(
                method: fill.request?.methodName ?? Array("GET".utf8), target: target, host: host, fields: fields)
        case .pass(let content):
            let fields = fill.site.upstreamFields.fields(of: fill.request, for: .alone)
            return UpstreamRequest(
                method: fill.request?.methodName ?? [], target: target, host: host, fields: fields, content: content,
                isIdempotent: false)
        }
    }

    /// The request for slices of a stored response.
    func upstreamRequest(
        for key: CacheKey, _ request: StoredRequest, range: UpstreamRange, condition: FieldLine
    ) -> UpstreamRequest? {
        let fields = request.site.upstreamFields.fields(of: request, for: .shared)
        return UpstreamRequest(
            method: Array("GET".utf8), target: key.target, host: request.site.upstreamHost(request),
            fields: fields + [(Array("range".utf8), range.fieldValue), condition])
    }

    /// A request that may have changed something was answered: what is stored under its target and what the answer names
    /// is to be validated before its next use (RFC 9111 section 4.4).
    func invalidate(after head: ObjectHead, _ request: StoredRequest?, key: CacheKey) {
        counters.passes.add()
        guard let request else { return }
        let targets = Invalidation.targets(
            method: request.methodName, status: head.status, target: target(of: key, request), fields: head.stored)
        for target in targets { invalidate(sibling(of: key, target.pathAndQuery)) }
    }

    /// What references in a response are relative to. Scheme and authority only tell whether they are of the same origin.
    func target(of key: CacheKey, _ request: StoredRequest) -> TargetURI {
        TargetURI(scheme: Array("https".utf8), authority: request.authority, pathAndQuery: key.target)
    }

    func invalidate(_ key: CacheKey) {
        tier.invalidate(key)
        // Who comes from now on does not wait for what was asked before.
        heads[key] = nil
        disk?.invalidate(key)
    }

    // MARK: What goes to disk

    /// An object is whole.
    func stored(_ object: CachedObject) {
        notePlaylist(object)
        if disk?.isWhole(object, nowMilliseconds: loop.now) == false { writeLater(object) }
    }

    /// Slices of an object have come.
    func stored(_ object: CachedObject, slices: Range<Int>) {
        guard object.isWanted.load(ordering: .relaxed) else { return }
        disk?.store(object, slices: slices, nowMilliseconds: loop.now)
    }

    /// An object is asked for again for the first time: from now on it is worth a place on disk.
    func noteSecondUse(_ object: CachedObject) {
        // For what was fetched ahead this is the first time.
        guard !takesPrefetch(object), !object.isWanted.exchange(true, ordering: .relaxed), let disk,
            object.isWhole || object.isSliced
        else { return }
        if !disk.store(object, slices: nil, nowMilliseconds: loop.now) { writeLater(object) }
    }

    /// The disk has no room in its queue for an object that is wanted there: it is offered again. Too many of them are
    /// forgotten, until they are fetched again one day.
    private func writeLater(_ object: CachedObject) {
        if unwritten.count < Self.unwrittenMax { unwritten.append(object) }
    }

    /// With each turn: offers what was refused, the oldest first, until something is refused again.
    func offerUnwritten() {
        guard let disk, !unwritten.isEmpty else { return }
        let isRefused: (CachedObject) -> Bool = { [loop] in
            !$0.isWithdrawn.load(ordering: .relaxed) && !disk.store($0, slices: nil, nowMilliseconds: loop.now)
        }
        unwritten.removeFirst(unwritten.firstIndex(where: isRefused) ?? unwritten.count)
    }
}
