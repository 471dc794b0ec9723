// SPDX-License-Identifier: Apache-2.0
//
// The way of further slices from the disk tier into memory. Begun on the worker whose reader got to them; the slices are
// claimed. The tier's calls come from one of its reading threads, but for a refusal, which the worker's own thread gets.

import Cache
import Net

/// Brings further slices of a stored object from the disk tier into memory.
///
/// `@unchecked Sendable` because nothing of it changes but `refusals`, on the worker's thread alone.
final class DiskPiece: DiskReceiver, @unchecked Sendable {
    /// So often the tier may have no room for the read before it is taken as failed: five seconds.
    private static let refusalsMax = 50

    private let object: CachedObject
    private let body: StoredBody
    private let run: Range<Int>
    private let copy: DiskCopy
    private let worker: EdgeWorker
    private var refusals = 0

    /// `run` has been claimed for this fetch.
    init(object: CachedObject, body: StoredBody, run: Range<Int>, copy: DiskCopy, worker: EdgeWorker) {
        self.object = object
        self.body = body
        self.run = run
        self.copy = copy
        self.worker = worker
    }

    func start(_ disk: DiskTier) {
        disk.read(copy.key, slices: run, receiver: self)
    }

    func head(_ head: [UInt8], version: UInt64, length: Int, present: SliceSet) -> Bool {
        version == copy.version && length == body.length
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

    func failed(_ error: DiskReadError) {
        guard error == .refused, refusals < Self.refusalsMax else { return end(isWhole: false) }
        // The bytes are there, and upstream may have no others that fit: the read is offered again.
        refusals += 1
        worker.readLater(self)
    }

    /// What the disk did not have after all is asked of upstream by those who still wait.
    private func end(isWhole: Bool) {
        if !isWhole { body.forgetDisk() }
        body.release(run)
        worker.tier.recharge(object)
        worker.notify(body)
    }
}
