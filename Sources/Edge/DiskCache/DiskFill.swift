// SPDX-License-Identifier: Apache-2.0
//
// The way of an object from the disk tier into memory. Made by the worker that was elected; everything else is called by
// one of the tier's reading threads, which is the fill's thread for the object meanwhile. What the disk can not give is
// asked of upstream by the worker.

import Base
import Cache
import Net
import Synchronization

/// Brings an object's head and its first slices into memory; those behind them follow when a response gets there.
///
/// `@unchecked Sendable` because the worker touches nothing after `start`, and the tier's calls come one after the other.
final class DiskFill: DiskReceiver, @unchecked Sendable {
    private let object: CachedObject
    private let request: StoredRequest?
    private let worker: EdgeWorker
    private let tier: MemoryTier
    private let builder: ResponseHeadBuilder
    private let wanted: Range<Int>
    /// What is read, set for each read before it begins.
    private var disk: DiskCache?
    private var key: [UInt8] = []
    /// What the record under the object's key said; the variant's own response is read next.
    private var variants: DiskVaryRecord?
    private var body: StoredBody?
    private var run = 0..<0

    init(object: CachedObject, request: StoredRequest?, wanted: Range<Int>, worker: EdgeWorker) {
        self.object = object
        self.request = request
        self.wanted = wanted
        self.worker = worker
        tier = worker.tier
        builder = (request?.site ?? worker.top).headBuilder
    }

    /// `key` is where the response is, or the record of its variants.
    func start(_ disk: DiskCache, _ key: [UInt8]) {
        self.disk = disk
        self.key = key
        disk.tier.read(key, slices: wanted, receiver: self)
    }

    func head(_ bytes: [UInt8], version: UInt64, length: Int, present: SliceSet) -> Bool {
        if variants == nil, let record = DiskVaryRecord(bytes) {
            // Its variant is read when this read has ended.
            variants = disk?.learn(record, of: object.key)
            return false
        }
        let now = Clock.monotonicMilliseconds()
        guard let record = DiskHead(bytes), length <= CachedObject.bodyBytesMax else {
            askUpstream(base: nil)
            return false
        }
        let (verdict, _) = object.key.withPurgeSubject(record.surrogateKeys) {
            tier.purges.verdict(for: $0, birth: record.birth, checkedUpTo: record.judgedGeneration)
        }
        guard verdict != .hard, let head = builder.restore(record, length: length, key: object.key, now: now),
            let variant = variant(head)
        else {
            askUpstream(base: nil)
            return false
        }
        let body = StoredBody(
            piecesOf: length, memory: tier.memory, onDisk: DiskCopy(key: key, version: version, slices: present))
        guard verdict == .untouched, now < head.freshUntilMilliseconds else {
            let base = worker.makeObject(object.key, variant: variant)
            base.isFromDisk.store(true, ordering: .relaxed)
            base.publish(head: head, body: body)
            if verdict == .soft { base.expire(nowMilliseconds: now) }
            askUpstream(base: base)
            return false
        }
        publish(head, body, variant)
        return true
    }

    /// What of the request selects the response. Nil when it would not be looked for where it was found: it may have been
    /// stored under other settings.
    private func variant(_ head: ObjectHead) -> VariantKey? {
        guard let rule = head.vary else { return key == object.key.bytes ? .independent : nil }
        guard let variant = rule.key(of: request?.fields ?? []), key != object.key.bytes,
            key.suffix(variant.bytes.count).elementsEqual(variant.bytes)
        else { return nil }
        return variant
    }

    private func publish(_ head: ObjectHead, _ body: StoredBody, _ variant: VariantKey) {
        self.body = body
        run = body.claim(from: wanted.lowerBound, to: wanted.upperBound) ?? 0..<0
        object.isWanted.store(true, ordering: .relaxed)
        object.isFromDisk.store(true, ordering: .relaxed)
        tier.settle(object, head.vary, variant)
        object.publish(head: head, body: body)
        _ = tier.judge(object, nowMilliseconds: Clock.monotonicMilliseconds())
        tier.admit(object)
        worker.notify(object)
    }

    func destination(_ index: Int, count: Int) -> UnsafeMutableRawBufferPointer? {
        run.contains(index) ? body?.reserve(slice: index, count: count) : nil
    }

    func slice(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let body else { return false }
        body.publish(slice: index, bytes, in: run)
        worker.notify(body)
        return true
    }

    func done() { end() }

    func missing() { askUpstream(base: nil) }

    func failed(_ error: DiskReadError) {
        guard let body else {
            // `head` has asked already where it wanted no more, unless there is a variant to be read.
            if error != .stopped { askUpstream(base: nil) } else if let variants { readVariant(variants) }
            return
        }
        body.forgetDisk()
        end()
    }

    private func readVariant(_ record: DiskVaryRecord) {
        guard let disk, key == object.key.bytes else { return }
        guard let variant = record.rule.key(of: request?.fields ?? []) else { return askUpstream(base: nil) }
        start(disk, record.key(of: variant, under: object.key))
    }

    /// Who waits for slices that did not come asks for them again.
    private func end() {
        guard let body else { return }
        body.release(run)
        tier.recharge(object)
        worker.notify(body)
        if body.isWhole { worker.loop.mailbox.post { [worker, object] in worker.notePlaylist(object) } }
    }

    private func askUpstream(base: CachedObject?) {
        worker.loop.mailbox.post { [self] in worker.fetch(object, base: base, request) }
    }
}
