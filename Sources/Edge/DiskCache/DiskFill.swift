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

    func start(_ disk: DiskTier) {
        disk.read(object.key.bytes, slices: wanted, receiver: self)
    }

    func head(_ bytes: [UInt8], version: UInt64, length: Int, present: SliceSet) -> Bool {
        let now = Clock.monotonicMilliseconds()
        guard let record = DiskHead(bytes), length <= CachedObject.bodyBytesMax else {
            askUpstream(base: nil)
            return false
        }
        let (verdict, _) = object.key.withPurgeSubject(record.surrogateKeys) {
            tier.purges.verdict(for: $0, birth: record.birth, checkedUpTo: record.judgedGeneration)
        }
        // What was stored under other settings may depend on fields of requests now.
        guard verdict != .hard, let head = builder.restore(record, length: length, key: object.key, now: now),
            head.vary == nil
        else {
            askUpstream(base: nil)
            return false
        }
        let body = StoredBody(
            piecesOf: length, memory: tier.memory, onDisk: DiskCopy(version: version, slices: present))
        guard verdict == .untouched, now < head.freshUntilMilliseconds else {
            let base = worker.makeObject(object.key)
            base.publish(head: head, body: body)
            if verdict == .soft { base.expire(nowMilliseconds: now) }
            askUpstream(base: base)
            return false
        }
        publish(head, body)
        return true
    }

    private func publish(_ head: ObjectHead, _ body: StoredBody) {
        self.body = body
        run = body.claim(from: wanted.lowerBound, to: wanted.upperBound) ?? 0..<0
        object.isWanted.store(true, ordering: .relaxed)
        object.isFromDisk.store(true, ordering: .relaxed)
        tier.settle(object, nil, .independent)
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
            // `head` has asked already where it wanted no more.
            if error != .stopped { askUpstream(base: nil) }
            return
        }
        body.forgetDisk()
        end()
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

/// Brings further slices of a stored object from the disk tier into memory. `@unchecked Sendable` because nothing of it
/// changes.
final class DiskPiece: DiskReceiver, @unchecked Sendable {
    private let object: CachedObject
    private let body: StoredBody
    private let run: Range<Int>
    private let version: UInt64
    private let worker: EdgeWorker

    /// `run` has been claimed for this fetch.
    init(object: CachedObject, body: StoredBody, run: Range<Int>, version: UInt64, worker: EdgeWorker) {
        self.object = object
        self.body = body
        self.run = run
        self.version = version
        self.worker = worker
    }

    func start(_ disk: DiskTier) {
        disk.read(object.key.bytes, slices: run, receiver: self)
    }

    func head(_ head: [UInt8], version: UInt64, length: Int, present: SliceSet) -> Bool {
        version == self.version && length == body.length
    }

    func destination(_ index: Int, count: Int) -> UnsafeMutableRawBufferPointer? {
        run.contains(index) ? body.reserve(slice: index, count: count) : nil
    }

    func slice(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
        body.publish(slice: index, bytes, in: run)
        worker.notify(body)
        return true
    }

    func done() { end(isWhole: run.allSatisfy { body.holds(slice: $0) }) }
    func missing() { end(isWhole: false) }
    func failed(_ error: DiskReadError) { end(isWhole: false) }

    /// What the disk did not have after all is asked of upstream by those who still wait.
    private func end(isWhole: Bool) {
        if !isWhole { body.forgetDisk() }
        body.release(run)
        worker.tier.recharge(object)
        worker.notify(body)
    }
}
