// SPDX-License-Identifier: Apache-2.0
//
// One response, stored or on its way. Written by the one worker that runs its fill, read by all.
//
// The writer appends to slices and then publishes the count with release ordering; a reader that has
// acquired the count may read that many bytes, which never change again. The head is written before the
// phase that announces it. Readers that find nothing new leave their worker's bit in `waitingWorkers`; the
// writer takes all bits after each publication and posts to those workers' mailboxes. A worker sets its bit
// and then looks once more, so no wake-up is lost.
//
// The object lives as long as somebody references it: the shared table, a worker's near cache, its fill, or
// a response that is being sent. Its slices are freed with it. `isWithdrawn` tells holders to let go.

import Cache
import Net
import Synchronization

/// A stored or arriving response. `@unchecked Sendable` by the protocol described at the head of the file.
final class CachedObject: BodySource, @unchecked Sendable {
    enum Phase: UInt8 {
        case waitingForHead, streaming, complete, failed
    }

    static let sliceBytes = 262_144
    private static let knownLengthShift: UInt8 = 18
    /// Where the length is not known a slice may stay almost empty: smaller ones, 64 KiB, waste less.
    private static let unknownLengthShift: UInt8 = 16
    /// The most of an uncacheable body that is held at a time, beside a slice and what one read brings.
    static let aheadBytesMax = 1 << 20
    private static let pipeBytes = aheadBytesMax + 2 * sliceBytes
    /// What an object takes beside its body, for the budget.
    static let overheadBytes = 2048

    let key: CacheKey
    /// Where the bytes of all objects' slices are counted.
    private let memory: BodyMemory
    /// The worker that runs the fill.
    let fillWorker: Int
    /// The length of the body, -1 while it is not known. Written before `streaming`, and again before `complete`.
    private let lengthStorage = Atomic<Int>(-1)
    private let availableStorage = Atomic<Int>(0)
    private let phaseStorage = Atomic<UInt8>(Phase.waitingForHead.rawValue)
    private let outcomeStorage = Atomic<UInt8>(FillOutcome.done.rawValue)
    private let waitingWorkers = Atomic<UInt64>(0)

    /// Set before the phase leaves `waitingForHead`; never changes.
    private(set) var head: ObjectHead?
    private var slices: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    private var sliceCount = 0
    /// Binary logarithm of a slice's size; set with the head.
    private var sliceShift = CachedObject.knownLengthShift
    /// What the object counts in `memory`: all that it may come to, from its head on, where that is known.
    private var countedBytes = 0
    private var countsSlices = false
    /// Slices below this have been given up by `discard`.
    private var firstSlice = 0
    /// The slices' bytes; written by the fill's worker.
    private var allocatedBytes = 0

    /// Readers that are attached while the object is not complete.
    let readers = Atomic<Int>(0)
    /// Set by hits, taken by evictions.
    let mark = EvictionMark()
    /// No longer in the table: evicted, replaced or failed.
    let isWithdrawn = Atomic<Bool>(false)
    /// The response is only for the request that caused the fill.
    let isUncacheable = Atomic<Bool>(false)
    /// A background fill for a replacement is under way.
    let isRevalidating = Atomic<Bool>(false)
    private let freshUntilStorage = Atomic<Int64>(0)
    private let usableUntilStorage = Atomic<Int64>(0)
    /// The place in the eviction order; guarded by the memory tier's lock.
    var evictionHandle: EvictionQueue<CachedObject>.Handle?

    /// The complete body in gzip's coding, once a request has asked for it.
    private let gzipStorage = AtomicLazyReference<GzipVariant>()

    init(key: CacheKey, fillWorker: Int, memory: BodyMemory) {
        self.key = key
        self.memory = memory
        self.fillWorker = fillWorker
    }

    deinit {
        if let gzip { memory.add(-gzip.costBytes) }
        guard let slices else { return }
        for index in 0..<sliceCount { slices[index]?.deallocate() }
        slices.deallocate()
        memory.add(-countedBytes)
    }

    // MARK: Reading, from any worker

    @inline(__always)
    var phase: Phase { Phase(rawValue: phaseStorage.load(ordering: .acquiring)) ?? .failed }
    var outcome: FillOutcome { FillOutcome(rawValue: outcomeStorage.load(ordering: .acquiring)) ?? .died }
    /// Nil while it is not known.
    @inline(__always)
    var length: Int? {
        let length = lengthStorage.load(ordering: .acquiring)
        return length >= 0 ? length : nil
    }
    @inline(__always)
    var freshUntilMilliseconds: Int64 { freshUntilStorage.load(ordering: .relaxed) }
    /// Until when the object may be served while a new one is fetched.
    var usableUntilMilliseconds: Int64 { usableUntilStorage.load(ordering: .relaxed) }
    /// What the object takes: all of its body, arrived or to come, and its head. For the fill's worker.
    var costBytes: Int {
        max(length ?? 0, allocatedBytes) + (head?.fieldBytes ?? 0) + Self.overheadBytes + (gzip?.costBytes ?? 0)
    }

    var gzip: GzipVariant? { gzipStorage.load() }

    /// Keeps the variant, unless another worker was faster. Returns the one that is kept, and whether it is this one.
    func keep(_ variant: GzipVariant) -> (kept: GzipVariant, isNew: Bool) {
        let kept = gzipStorage.storeIfNil(variant)
        guard kept === variant else { return (kept, false) }
        memory.add(variant.costBytes)
        return (kept, true)
    }

    /// Bytes of the body that have come.
    var availableBytes: Int { availableStorage.load(ordering: .acquiring) }

    override func window(at offset: Int) -> Window {
        let available = availableStorage.load(ordering: .acquiring)
        if offset < available { return bytes(at: offset, available: available) }
        switch phase {
        case .complete:
            // The last bytes may have come between the two loads.
            let final = availableStorage.load(ordering: .acquiring)
            return offset < final ? bytes(at: offset, available: final) : .end
        case .failed: return .failed
        case .waitingForHead, .streaming: return .pending
        }
    }

    @inline(__always)
    private func bytes(at offset: Int, available: Int) -> Window {
        let index = offset >> Int(sliceShift)
        guard let slice = slices?[index] else { preconditionFailure("published bytes lie in a slice") }
        let start = index << Int(sliceShift)
        let end = min(available - start, 1 << Int(sliceShift))
        return .bytes(UnsafeRawBufferPointer(start: slice + (offset - start), count: end - (offset - start)))
    }

    /// Asks that `worker` be told of the next publication. Look at the object again afterwards.
    func awaitProgress(worker: Int) {
        waitingWorkers.bitwiseOr(1 << UInt64(worker), ordering: .sequentiallyConsistent)
    }

    /// The workers to tell now; each is named once for each `awaitProgress`.
    func takeWaitingWorkers() -> UInt64 {
        waitingWorkers.exchange(0, ordering: .sequentiallyConsistent)
    }

    // MARK: Writing, by the fill's worker only

    /// Publishes the head. `length` is nil when the body's end will tell; `capacityBytes` is the most it may become.
    func publish(head: ObjectHead, length: Int?, capacityBytes: Int, nowMilliseconds: Int64) {
        precondition(phase == .waitingForHead)
        self.head = head
        sliceShift = length == nil ? Self.unknownLengthShift : Self.knownLengthShift
        sliceCount = ((length ?? capacityBytes) + (1 << Int(sliceShift)) - 1) >> Int(sliceShift)
        let slices = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: max(1, sliceCount))
        slices.initialize(repeating: nil, count: max(1, sliceCount))
        self.slices = slices
        if isUncacheable.load(ordering: .relaxed) {
            count(min(length ?? .max, Self.pipeBytes))
        } else if let length {
            count(length)
        } else {
            countsSlices = true
        }
        if let length { lengthStorage.store(length, ordering: .releasing) }
        if case .store(let fresh, let stale) = head.storability {
            freshUntilStorage.store(nowMilliseconds + fresh, ordering: .relaxed)
            usableUntilStorage.store(nowMilliseconds + fresh + stale, ordering: .relaxed)
        }
        phaseStorage.store(Phase.streaming.rawValue, ordering: .releasing)
    }

    /// Appends body bytes and publishes them. The fill's state machine has checked that they fit.
    func append(_ bytes: UnsafeRawBufferPointer) {
        guard let slices, var source = bytes.baseAddress else { return }
        var position = availableStorage.load(ordering: .relaxed)
        var rest = bytes.count
        while rest > 0 {
            let index = position >> Int(sliceShift)
            let start = index << Int(sliceShift)
            let inside = position - start
            precondition(index < sliceCount)
            let capacity = min(1 << Int(sliceShift), (length ?? .max) - start)
            let slice = slices[index] ?? allocateSlice(capacity)
            slices[index] = slice
            let count = min(rest, capacity - inside)
            (slice + inside).copyMemory(from: source, byteCount: count)
            source += count
            position += count
            rest -= count
        }
        availableStorage.store(position, ordering: .releasing)
    }

    private func count(_ bytes: Int) {
        countedBytes += bytes
        memory.add(bytes)
    }

    private func allocateSlice(_ bytes: Int) -> UnsafeMutableRawPointer {
        allocatedBytes += bytes
        if countsSlices { count(bytes) }
        return .allocate(byteCount: bytes, alignment: 64)
    }

    /// Gives up the slices that end at or before `position`. Only for a body with one reader, on the fill's own worker,
    /// that has gone past it and never looks back.
    func discard(before position: Int) {
        guard let slices else { return }
        while (firstSlice + 1) << Int(sliceShift) <= position, firstSlice < sliceCount {
            if let slice = slices[firstSlice] {
                slice.deallocate()
                slices[firstSlice] = nil
                // Only the last slice can be smaller, and it is not passed before the end.
                allocatedBytes -= 1 << Int(sliceShift)
            }
            firstSlice += 1
        }
    }

    /// The body is whole.
    func complete() {
        lengthStorage.store(availableStorage.load(ordering: .relaxed), ordering: .releasing)
        phaseStorage.store(Phase.complete.rawValue, ordering: .releasing)
    }

    /// The object will never be whole.
    func fail(_ outcome: FillOutcome) {
        isWithdrawn.store(true, ordering: .relaxed)
        outcomeStorage.store(outcome.rawValue, ordering: .releasing)
        phaseStorage.store(Phase.failed.rawValue, ordering: .releasing)
    }
}
