// SPDX-License-Identifier: Apache-2.0
//
// What waits for the writing thread. Any thread adds; the writer takes batches; a lock guards both. It lives as long as the
// tier or its writer.

import Base

/// A change of the database.
enum DiskOperation: Sendable {
    case store(DiskIdentifier, DiskWrite, DiskWriteOutcome)
    case refresh(DiskIdentifier, key: [UInt8], head: [UInt8], version: UInt64, freshUntilSeconds: UInt64)
    /// Hidden in the index since it was asked for.
    case remove(DiskIdentifier, onDurable: (@Sendable (Bool) -> Void)?)
    /// Damaged: removed if it has not been replaced. Hidden likewise.
    case discard(DiskIdentifier, sequence: UInt64)
    case removeAll(onDurable: (@Sendable (Bool) -> Void)?)
    case putMeta(name: String, bytes: [UInt8], onDurable: (@Sendable (Bool) -> Void)?)

    /// What it counts in the queue's limit.
    var costBytes: Int {
        switch self {
        case .store(_, let write, _): write.bodyBytes + write.head.count + write.key.count
        case .refresh(_, let key, let head, _, _): key.count + head.count
        case .remove, .discard, .removeAll: 0
        case .putMeta(_, let bytes, _): bytes.count
        }
    }

    /// Whether somebody waits for it to be durable.
    var isUrgent: Bool {
        switch self {
        case .store, .refresh, .discard: false
        case .remove(_, let onDurable): onDurable != nil
        case .removeAll, .putMeta: true
        }
    }

    var isStore: Bool {
        switch self {
        case .store, .refresh: true
        case .remove, .discard, .removeAll, .putMeta: false
        }
    }
}

/// Where the parts of one write meet: a large one is committed in several transactions.
///
/// `@unchecked Sendable` because it is made before it is queued, and then only the writing thread touches it.
final class DiskWriteOutcome: @unchecked Sendable {
    private var parts: Int
    private var isGood = true
    private let onCommitted: (@Sendable (Bool) -> Void)?

    init(parts: Int, onCommitted: (@Sendable (Bool) -> Void)?) {
        self.parts = parts
        self.onCommitted = onCommitted
    }

    func partIsDone(_ good: Bool) {
        isGood = isGood && good
        parts -= 1
        if parts == 0 { onCommitted?(isGood) }
    }
}

/// The queue before the writing thread.
final class DiskWriteQueue: Sendable {
    struct Limits: Sendable {
        var waitingBytesMax: Int
        /// A batch ends with the operation that reaches this.
        var batchBytes: Int
    }

    private struct State {
        var operations: [DiskOperation] = []
        var bytes = 0
        var urgent = 0
        var refusedUntilMilliseconds: Int64 = 0
        var isStopping = false
        var stopMilliseconds: Int64 = .max
    }

    enum Next {
        case batch([DiskOperation])
        /// Nothing has come for a while.
        case idle
        /// The tier closes. What is left is given up.
        case stop([DiskOperation])
    }

    /// Operations that carry no bytes are limited by number.
    private static let operationsMax = 65_536
    /// A batch is not held back when it has as many operations, and holds no more than `batchOperationsMax`.
    private static let batchOperations = 8
    private static let batchOperationsMax = 256
    /// How long a batch waits for company. A commit costs two syncs, whatever its size.
    private static let lingerMilliseconds: Int64 = 50

    let limits: Limits
    let refusals = Counter()
    private let state = Guarded(State())

    init(limits: Limits) {
        self.limits = limits
    }

    /// Adds the operations, all or none; false when there is no room.
    func add(_ operations: [DiskOperation]) -> Bool {
        let cost = operations.reduce(0) { $0 + $1.costBytes }
        let isStore = operations.contains(where: \.isStore)
        let now = Clock.monotonicMilliseconds()
        let isAdded = state.withLock { state in
            let isFull =
                state.operations.count + operations.count > Self.operationsMax
                || isStore && (state.bytes + cost > limits.waitingBytesMax || now < state.refusedUntilMilliseconds)
            guard !isFull, !state.isStopping else {
                refusals.add()
                return false
            }
            state.operations.append(contentsOf: operations)
            state.bytes += cost
            state.urgent += operations.count(where: \.isUrgent)
            return true
        }
        if isAdded { state.signal() }
        return isAdded
    }

    /// The next batch, in the order of arrival. `.idle` after `idleMilliseconds` without work.
    func next(idleMilliseconds: Int64) -> Next {
        let idle = idleMilliseconds == .max ? .max : Clock.monotonicMilliseconds() + idleMilliseconds
        let isReady: Bool? = state.wait(untilMilliseconds: idle) { state in
            !state.operations.isEmpty || state.isStopping ? true : nil
        }
        guard isReady != nil else { return .idle }
        let linger = Clock.monotonicMilliseconds() + Self.lingerMilliseconds
        _ = state.wait(untilMilliseconds: linger) { state in
            state.operations.count >= Self.batchOperations || state.bytes >= limits.batchBytes
                || state.urgent > 0 || state.isStopping ? true : nil
        }
        return state.withLock { state in
            let isOver = state.isStopping && Clock.monotonicMilliseconds() >= state.stopMilliseconds
            if isOver || (state.isStopping && state.operations.isEmpty) {
                let rest = state.operations
                state = State(isStopping: true)
                return .stop(rest)
            }
            return .batch(Self.take(&state, batchBytes: limits.batchBytes))
        }
    }

    private static func take(_ state: inout State, batchBytes: Int) -> [DiskOperation] {
        var bytes = 0
        var count = 0
        while count < min(state.operations.count, batchOperationsMax) {
            let cost = state.operations[count].costBytes
            if count > 0, bytes + cost > batchBytes { break }
            bytes += cost
            count += 1
        }
        let batch = Array(state.operations[..<count])
        state.operations.removeFirst(count)
        state.bytes -= bytes
        state.urgent -= batch.count(where: \.isUrgent)
        return batch
    }

    /// Refuses what is to be stored for a while: the disk is full or has failed.
    func refuseStores(untilMilliseconds: Int64) {
        state.withLock { $0.refusedUntilMilliseconds = untilMilliseconds }
    }

    /// Nothing is added from now on; what waits may be written until the clock shows that time.
    func stop(untilMilliseconds: Int64) {
        state.withLock { state in
            state.isStopping = true
            state.stopMilliseconds = min(state.stopMilliseconds, untilMilliseconds)
        }
        state.signal(all: true)
    }
}
