// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a response, in slices that are written once, read by all workers and freed with the body. A body belongs
// to the objects that reference it: one, or two while a response that was found still good takes the place of the older
// one with the same bytes.
//
// Writing. A slice has one writer, from its first byte to its last. The bytes come first, then `filled` with release
// ordering; a reader that has acquired `filled` may read that many bytes, which never change again. A body that arrives
// as a whole has one writer for all slices (`append`). A body whose slices are fetched as they are asked for
// (`openPieces`) is written by whoever has claimed a run of slices: `claim` is an exchange on each slice's own mark, so
// two fills never write the same one, and `release` gives back what a fill did not finish.
//
// Waiting. A reader that finds nothing leaves its worker in `waiting`; whoever publishes takes the workers and tells them.

import Net
import Synchronization

/// The bytes of a stored or arriving response. `@unchecked Sendable` by the protocol described at the head of the file.
final class StoredBody: BodySource, @unchecked Sendable {
    enum Phase: UInt8 {
        case arriving, whole, failed
    }

    /// How slices follow each other.
    private enum Layout {
        /// The length is known: all of one size, but for the last.
        case uniform
        /// It is not: each as large as all before it together, so that a short body takes little and a long one has few.
        case doubling
    }

    private struct Slot: ~Copyable {
        var bytes: UnsafeMutableRawPointer?
        let filled = Atomic<Int>(0)
        let isClaimed = Atomic<Bool>(false)
    }

    static let sliceBytes = 262_144
    private static let sliceShift = 18
    /// The first slice of a body whose length is not known.
    private static let firstBytes = 16_384
    private static let firstShift = 14
    /// Where in a line of the processor's cache a slice begins: where the disk tier's database has it too, since LMDB puts 16
    /// bytes before a large value. The kernel copies a third faster between addresses that lie alike in their lines.
    private static let lineOffset = 16
    /// Fills of pieces that may fail before the body is given up.
    private static let failuresMax = 3

    /// Where the bytes of all bodies are counted.
    private let memory: BodyMemory
    private let layout: Layout
    private let slots: UnsafeMutablePointer<Slot>
    private let slotCount: Int
    /// The length of the body, -1 while it is not known. Written before `arriving` ends.
    private let lengthStorage: Atomic<Int>
    private let phaseStorage = Atomic<UInt8>(Phase.arriving.rawValue)
    private let allocated = Atomic<Int>(0)
    private let missingSlices: Atomic<Int>
    private let failures = Atomic<Int>(0)
    /// What was counted in `memory` before any slice was made: all that the body may come to, where that is known.
    private let countedAhead: Int
    /// Slices are fetched as they are asked for.
    let isInPieces: Bool
    /// Where `append` goes on; its writer's.
    private var position = 0
    let waiting = WorkerWaitSet()
    /// A second object, found still good by a 304, references the body: its fill goes on whoever leaves the first one.
    let isShared = Atomic<Bool>(false)
    /// What is on disk as well, as far as is known.
    private let diskCopy = Mutex<DiskCopy?>(nil)

    /// A body that arrives from its first byte to its last. `length` is nil when its end will tell; `capacityBytes` is
    /// the most that it may become then.
    convenience init(length: Int?, capacityBytes: Int, memory: BodyMemory) {
        self.init(length: length, capacityBytes: capacityBytes, isInPieces: false, memory: memory)
    }

    /// A body of known length whose slices are fetched as they are asked for; from the disk, where they are there.
    convenience init(piecesOf length: Int, memory: BodyMemory, onDisk copy: DiskCopy? = nil) {
        self.init(length: length, capacityBytes: length, isInPieces: true, memory: memory)
        if let copy { diskCopy.withLock { $0 = copy } }
    }

    private init(length: Int?, capacityBytes: Int, isInPieces: Bool, memory: BodyMemory) {
        self.memory = memory
        self.isInPieces = isInPieces
        layout = length == nil ? .doubling : .uniform
        lengthStorage = Atomic(length ?? -1)
        if let length {
            slotCount = max(1, (length + Self.sliceBytes - 1) >> Self.sliceShift)
        } else {
            slotCount = Self.doublingIndex(max(0, capacityBytes - 1)) + 1
        }
        missingSlices = Atomic(slotCount)
        slots = .allocate(capacity: slotCount)
        for index in 0..<slotCount { (slots + index).initialize(to: Slot()) }
        countedAhead = isInPieces ? 0 : length ?? 0
        super.init()
        memory.add(countedAhead)
        if length == 0 { phaseStorage.store(Phase.whole.rawValue, ordering: .releasing) }
    }

    deinit {
        for index in 0..<slotCount {
            if let bytes = slots[index].bytes { (bytes - Self.lineOffset).deallocate() }
        }
        slots.deinitialize(count: slotCount)
        slots.deallocate()
        memory.add(-(countedAhead > 0 ? countedAhead : allocatedBytes))
    }

    // MARK: Reading, from any worker

    @inline(__always)
    var phase: Phase { Phase(rawValue: phaseStorage.load(ordering: .acquiring)) ?? .failed }
    /// Every byte is here.
    @inline(__always)
    var isWhole: Bool { phaseStorage.load(ordering: .acquiring) == Phase.whole.rawValue }
    /// Nil while it is not known.
    @inline(__always)
    var length: Int? {
        let length = lengthStorage.load(ordering: .acquiring)
        return length >= 0 ? length : nil
    }
    var allocatedBytes: Int { allocated.load(ordering: .relaxed) }
    /// What the body takes or will take, and its slots.
    var costBytes: Int { max(countedAhead, allocatedBytes) + slotCount * MemoryLayout<Slot>.stride }

    override func window(at offset: Int) -> Window {
        let index = layout == .uniform ? offset >> Self.sliceShift : Self.doublingIndex(offset)
        guard index < slotCount else { return ending(at: offset) }
        let inside = offset - start(of: index)
        var filled = slots[index].filled.load(ordering: .acquiring)
        if inside >= filled {
            switch phase {
            case .arriving: return .pending
            case .failed: return .failed
            case .whole:
                // The last bytes may have come between the two loads.
                filled = slots[index].filled.load(ordering: .acquiring)
                guard inside < filled else { return ending(at: offset) }
            }
        }
        guard let bytes = slots[index].bytes else { preconditionFailure("published bytes lie in a slice") }
        return .bytes(UnsafeRawBufferPointer(start: bytes + inside, count: filled - inside))
    }

    private func ending(at offset: Int) -> Window {
        switch phase {
        case .whole: .end
        case .failed: .failed
        case .arriving: offset >= length ?? .max ? .end : .pending
        }
    }

    // MARK: Slices

    /// The slice of a doubling body that holds this offset: 0, then one for each binary digit beyond the first slice's.
    @inline(__always)
    private static func doublingIndex(_ offset: Int) -> Int {
        let units = offset >> firstShift
        return units == 0 ? 0 : Int.bitWidth - units.leadingZeroBitCount
    }

    @inline(__always)
    private func start(of index: Int) -> Int {
        if layout == .uniform { return index << Self.sliceShift }
        return index == 0 ? 0 : Self.firstBytes << (index - 1)
    }

    private func capacity(of index: Int) -> Int {
        if layout == .uniform { return min(Self.sliceBytes, (length ?? 0) - start(of: index)) }
        return index == 0 ? Self.firstBytes : Self.firstBytes << (index - 1)
    }

    /// Writes bytes that lie in one slice behind what it has. Returns how many went in.
    private func fill(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> Int {
        let capacity = capacity(of: index)
        let filled = slots[index].filled.load(ordering: .relaxed)
        let target = slots[index].bytes ?? allocate(index)
        let count = min(bytes.count, capacity - filled)
        guard let source = bytes.baseAddress, count > 0 else { return 0 }
        (target + filled).copyMemory(from: source, byteCount: count)
        setFilled(index, filled + count)
        return count
    }

    private func allocate(_ index: Int) -> UnsafeMutableRawPointer {
        let capacity = capacity(of: index)
        let bytes =
            UnsafeMutableRawPointer.allocate(byteCount: capacity + Self.lineOffset, alignment: 64) + Self.lineOffset
        slots[index].bytes = bytes
        allocated.wrappingAdd(capacity, ordering: .relaxed)
        if countedAhead == 0 { memory.add(capacity) }
        return bytes
    }

    private func setFilled(_ index: Int, _ filled: Int) {
        slots[index].filled.store(filled, ordering: .releasing)
        guard filled == capacity(of: index) else { return }
        let left = missingSlices.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue
        if left == 0, layout == .uniform { phaseStorage.store(Phase.whole.rawValue, ordering: .releasing) }
    }

    // MARK: Writing from the first byte to the last, by the fill's thread only

    /// Bytes that have come.
    var appendedBytes: Int { position }

    /// Appends bytes and publishes them. The fill's state machine has checked that they fit.
    func append(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            let index = layout == .uniform ? position >> Self.sliceShift : Self.doublingIndex(position)
            precondition(index < slotCount, "a body is no longer than was said")
            let count = fill(index, rest)
            precondition(count > 0, "a slice is filled once")
            position += count
            rest = rest.slice(count..<rest.count)
        }
    }

    /// No more bytes come: the body is whole.
    func complete() {
        lengthStorage.store(position, ordering: .releasing)
        phaseStorage.store(Phase.whole.rawValue, ordering: .releasing)
    }

    /// The body will never be whole.
    func fail() {
        guard !isWhole else { return }
        phaseStorage.store(Phase.failed.rawValue, ordering: .releasing)
    }

    // MARK: Writing in pieces, by whoever has claimed the slices

    /// Slices of a body in pieces.
    var sliceCount: Int { slotCount }

    /// True when all of a slice is here.
    func holds(slice index: Int) -> Bool {
        slots[index].filled.load(ordering: .acquiring) == capacity(of: index)
    }

    /// Claims the run of slices from `first` on, up to `end` at most, that nobody has or fetches. Nil when `first` is taken.
    func claim(from first: Int, to end: Int) -> Range<Int>? {
        var index = first
        while index < min(end, slotCount),
            slots[index].isClaimed.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing)
                .exchanged
        {
            index += 1
        }
        return index > first ? first..<index : nil
    }

    /// Gives back the slices of a run that were not finished. A slice that is half there keeps its bytes: the next writer
    /// goes on behind them.
    func release(_ run: Range<Int>) {
        var isWhole = true
        for index in run where !holds(slice: index) {
            slots[index].isClaimed.store(false, ordering: .releasing)
            isWhole = false
        }
        // What counts is failures in a row.
        if isWhole, !run.isEmpty { failures.store(0, ordering: .relaxed) }
    }

    /// Writes what of the bytes at `position` lies in the claimed run, is next in its slice, and is not there yet.
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int, in run: Range<Int>) {
        var offset = 0
        while offset < bytes.count {
            let index = (position + offset) >> Self.sliceShift
            let end = min(bytes.count, (index + 1) << Self.sliceShift - position)
            if run.contains(index) {
                let next = start(of: index) + slots[index].filled.load(ordering: .relaxed) - position
                if next >= offset, next < end { _ = fill(index, bytes.slice(next..<end)) }
            }
            offset = end
        }
    }

    /// Memory for a claimed slice that comes as a whole; it is read by nobody before `publish`.
    func reserve(slice index: Int, count: Int) -> UnsafeMutableRawBufferPointer? {
        // Bytes that are published already are not written again.
        guard index < slotCount, count == capacity(of: index), slots[index].filled.load(ordering: .relaxed) == 0 else {
            return nil
        }
        let bytes = slots[index].bytes ?? allocate(index)
        return UnsafeMutableRawBufferPointer(start: bytes, count: count)
    }

    /// A whole slice has come, in the memory that was reserved or elsewhere.
    func publish(slice index: Int, _ bytes: UnsafeRawBufferPointer, in run: Range<Int>) {
        guard run.contains(index), bytes.count == capacity(of: index), !holds(slice: index) else { return }
        let memory = slots[index].bytes ?? allocate(index)
        if let source = bytes.baseAddress, source != UnsafeRawPointer(memory) {
            let filled = slots[index].filled.load(ordering: .relaxed)
            (memory + filled).copyMemory(from: source + filled, byteCount: bytes.count - filled)
        }
        setFilled(index, bytes.count)
    }

    // MARK: On disk

    /// The front of a run as far as all of it is on disk, or none; and what is there, nil for none.
    func diskRun(_ run: Range<Int>) -> (run: Range<Int>, copy: DiskCopy?) {
        diskCopy.withLock { copy in
            guard let copy else { return (run, nil) }
            let isThere = copy.slices.contains(run.lowerBound)
            let end = run.first { copy.slices.contains($0) != isThere } ?? run.upperBound
            return (run.lowerBound..<end, isThere ? copy : nil)
        }
    }

    /// Nothing is needed of upstream any more: what is not here is on disk.
    var isWithinReach: Bool {
        guard !isWhole else { return true }
        guard isInPieces, phase != .failed, let copy = diskCopy.withLock({ $0 }) else { return false }
        return (0..<slotCount).allSatisfy { holds(slice: $0) || copy.slices.contains($0) }
    }

    /// The disk does not have what it had.
    func forgetDisk() { diskCopy.withLock { $0 = nil } }

    /// A fill of pieces came to nothing. False when that has happened too often: the body is given up.
    func mayTryAgain() -> Bool {
        guard failures.wrappingAdd(1, ordering: .relaxed).newValue >= Self.failuresMax else { return true }
        fail()
        return false
    }
}
