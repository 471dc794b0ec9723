// SPDX-License-Identifier: Apache-2.0
//
// One response under a key: stored, on its way, or waited for. Made by the request that is elected to fetch it; its head
// and body are set once by the one thread that runs its fill, before the phase that announces them, and never change.
// When a stored response is found still good, a new object with the newer head takes the place of the older one and shares
// its body (StoredBody, which tells how bytes are published).
//
// The object lives as long as somebody references it: the shared table, a worker's near cache, its fill, or a
// response that is being sent. `isWithdrawn` tells holders to let go.

import Cache
import Net
import Synchronization

/// A response, or what will be one. `@unchecked Sendable` by the protocol described at the head of the file.
final class CachedObject: @unchecked Sendable {
    enum Phase: UInt8 {
        case waitingForHead, ready, failed
    }

    /// What an object takes beside its head and its body, for the budget.
    static let overheadBytes = 1024
    /// No body is longer.
    static let bodyBytesMax = 1 << 34

    let key: CacheKey
    /// The worker that runs the fill.
    let fillWorker: Int
    /// The generation of purges when the object was made: what was purged later is older than what will come.
    let birth: UInt64
    /// The generation of purges at which the object was last judged; see `MemoryTier.judge`.
    let judgedGeneration: Atomic<UInt64>
    private let phaseStorage = Atomic<UInt8>(Phase.waitingForHead.rawValue)
    private let outcomeStorage = Atomic<UInt8>(FillOutcome.done.rawValue)
    let waiting = WorkerWaitSet()

    // Set before the phase leaves `waitingForHead`; never changed after.
    private(set) var head: ObjectHead?
    private(set) var body: BodySource?
    /// The same where it can be shared and stored.
    private(set) var stored: StoredBody?

    /// What of a request selects this response among those of its key. Guarded by the table's lock until the phase
    /// leaves `waitingForHead`: at first what its own request selects by the rule known then.
    var variant: VariantKey

    /// Readers that are attached while the body is not whole. From nought they become more under the table's lock alone.
    let readers = Atomic<Int>(0)
    /// Set by hits, taken by evictions.
    let mark = EvictionMark()
    /// No longer in the table: evicted, replaced or failed.
    let isWithdrawn = Atomic<Bool>(false)
    /// The response is only for the request that caused the fill.
    let isUncacheable = Atomic<Bool>(false)
    /// The head came with a 304: the bytes are those of an older object.
    let isRefreshed = Atomic<Bool>(false)
    /// A stale response that stands in for upstream's failure.
    let isStandIn = Atomic<Bool>(false)
    /// Asked for a second time: worth a place on disk.
    let isWanted = Atomic<Bool>(false)
    /// The head came from the disk.
    let isFromDisk = Atomic<Bool>(false)
    /// Not to be used again without upstream's word, come what may.
    let isInvalidated = Atomic<Bool>(false)
    /// A fill for a replacement is under way.
    let isRevalidating = Atomic<Bool>(false)
    /// Loop time at which its next use is a reason to look for what follows it; `.max` for never again.
    let lookAheadMilliseconds = Atomic<Int64>(0)
    /// Fetched ahead, and no client has asked for it yet.
    let isUnusedPrefetch = Atomic<Bool>(false)
    private let errorStorage = Atomic<UInt8>(ProxyError.none.rawValue)
    private let freshUntilStorage = Atomic<Int64>(0)
    private let usableUntilStorage = Atomic<Int64>(0)
    /// Until when a stale object is used without asking upstream, which has just failed.
    let heldUntilMilliseconds = Atomic<Int64>(0)
    /// The place in the eviction order; guarded by the memory tier's lock.
    var evictionHandle: EvictionQueue<CachedObject>.Handle?

    /// What this one has replaced while its body is on its way; see `MemoryTier.giveBack`. Guarded by the table's lock.
    var replaced: CachedObject?

    /// The complete body in gzip's coding, once a request has asked for it.
    private let gzipStorage = AtomicLazyReference<GzipVariant>()
    private let memory: BodyMemory

    init(
        key: CacheKey, fillWorker: Int, memory: BodyMemory, variant: VariantKey = .independent, birth: UInt64 = 0
    ) {
        self.key = key
        self.fillWorker = fillWorker
        self.memory = memory
        self.variant = variant
        self.birth = birth
        judgedGeneration = Atomic(birth)
    }

    /// One that stands for `other`, which is ready and was taken out of the table. It is judged by all purges since that was
    /// asked for: what a verdict has led to meanwhile may have changed nothing but `other`.
    convenience init(again other: CachedObject) {
        self.init(
            key: other.key, fillWorker: other.fillWorker, memory: other.memory, variant: other.variant,
            birth: other.birth)
        isWanted.store(other.isWanted.load(ordering: .relaxed), ordering: .relaxed)
        isInvalidated.store(other.isInvalidated.load(ordering: .relaxed), ordering: .relaxed)
        guard let head = other.head, let body = other.stored else { preconditionFailure("it was never ready") }
        body.isShared.store(true, ordering: .relaxed)
        publish(head: head, body: body)
        // They may have been cut short since the head came.
        freshUntilStorage.store(other.freshUntilMilliseconds, ordering: .relaxed)
        usableUntilStorage.store(other.usableUntilMilliseconds, ordering: .relaxed)
    }

    deinit {
        if let gzip { memory.add(-gzip.costBytes) }
    }

    // MARK: Reading, from any worker

    @inline(__always)
    var phase: Phase { Phase(rawValue: phaseStorage.load(ordering: .acquiring)) ?? .failed }
    var outcome: FillOutcome { FillOutcome(rawValue: outcomeStorage.load(ordering: .acquiring)) ?? .died }
    /// The length of the body; nil while it is not known.
    @inline(__always)
    var length: Int? { stored?.length ?? head?.announcedLength }
    /// Nothing of the body is missing.
    @inline(__always)
    var isWhole: Bool { stored?.isWhole ?? false }
    /// The body is fetched in pieces.
    var isSliced: Bool { stored?.isInPieces ?? false }
    @inline(__always)
    var freshUntilMilliseconds: Int64 { freshUntilStorage.load(ordering: .relaxed) }
    /// Until when the object may be served while a new one is fetched.
    var usableUntilMilliseconds: Int64 { usableUntilStorage.load(ordering: .relaxed) }
    /// What the object takes: all of its body, arrived or to come, and its head.
    var costBytes: Int {
        (stored?.costBytes ?? 0) + (head?.fieldBytes ?? 0) + Self.overheadBytes + key.bytes.count
            + variant.bytes.count + (gzip?.costBytes ?? 0)
    }

    var gzip: GzipVariant? { gzipStorage.load() }

    /// Keeps the variant, unless another worker was faster. Returns the one that is kept, and whether it is this one.
    func keep(_ variant: GzipVariant) -> (kept: GzipVariant, isNew: Bool) {
        let kept = gzipStorage.storeIfNil(variant)
        guard kept === variant else { return (kept, false) }
        memory.add(variant.costBytes)
        return (kept, true)
    }

    /// Why there is no response.
    var error: ProxyError {
        get { ProxyError(rawValue: errorStorage.load(ordering: .acquiring)) ?? .none }
        set { errorStorage.store(newValue.rawValue, ordering: .releasing) }
    }

    /// A stale object is used because upstream has just failed.
    func isStandInNow(_ nowMilliseconds: Int64) -> Bool {
        nowMilliseconds >= usableUntilMilliseconds && nowMilliseconds < heldUntilMilliseconds.load(ordering: .relaxed)
    }

    /// The object is stale from now on (a soft purge); it may be used while it is fetched anew, or when upstream fails.
    func expire(nowMilliseconds now: Int64) {
        let grace = head?.freshness?.staleWhileRevalidateMilliseconds ?? 0
        freshUntilStorage.store(min(freshUntilMilliseconds, now), ordering: .relaxed)
        usableUntilStorage.store(min(usableUntilMilliseconds, now + grace), ordering: .relaxed)
    }

    /// The object is stale from now on, and is not used again before upstream has said that it is good.
    func invalidate() {
        isInvalidated.store(true, ordering: .relaxed)
        heldUntilMilliseconds.store(0, ordering: .relaxed)
        freshUntilStorage.store(0, ordering: .relaxed)
        usableUntilStorage.store(0, ordering: .relaxed)
    }

    // MARK: Publishing, by the fill's thread only

    /// Publishes a head with a body that is shared.
    func publish(head: ObjectHead, body: StoredBody) {
        stored = body
        publish(head, body)
    }

    /// Publishes a head with a body for the one request that caused the fill, or, where that is a HEAD and nothing is to be
    /// read, for all that wait.
    func publish(head: ObjectHead, pipe: PipeBody, isForAll: Bool = false) {
        if !isForAll { isUncacheable.store(true, ordering: .releasing) }
        publish(head, pipe)
    }

    private func publish(_ head: ObjectHead, _ body: BodySource) {
        precondition(phase == .waitingForHead)
        self.head = head
        self.body = body
        freshUntilStorage.store(head.freshUntilMilliseconds, ordering: .relaxed)
        usableUntilStorage.store(head.usableUntilMilliseconds, ordering: .relaxed)
        phaseStorage.store(Phase.ready.rawValue, ordering: .releasing)
    }

    /// The response will never be there, or never be whole.
    func fail(_ outcome: FillOutcome) {
        isWithdrawn.store(true, ordering: .relaxed)
        outcomeStorage.store(outcome.rawValue, ordering: .releasing)
        if phase == .waitingForHead { phaseStorage.store(Phase.failed.rawValue, ordering: .releasing) }
        stored?.fail()
        (body as? PipeBody)?.fail()
    }
}
