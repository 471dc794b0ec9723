// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Net
import Testing

@testable import Edge

/// A folder for a disk tier that goes with the test.
final class DiskFolder {
    let path = NSTemporaryDirectory() + "disk-tier-\(UUID().uuidString)"
    var database: String { path + "/cache.mdb" }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func settings(budgetBytes: Int = 64 << 20) -> DiskTierSettings {
        DiskTierSettings(folder: path, budgetBytes: budgetBytes)
    }

    /// Opens a tier, gives it to `body` and stops it, with what waits being written.
    @discardableResult
    func withTier<Result>(
        budgetBytes: Int = 64 << 20, identify: (@Sendable ([UInt8]) -> DiskIdentifier)? = nil,
        _ body: (DiskTier) throws -> Result
    ) throws -> Result {
        let tier = try DiskTier(settings(budgetBytes: budgetBytes), identify: identify)
        defer { tier.stop(withinMilliseconds: 60_000) }
        return try body(tier)
    }

    var setAside: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.contains(".set-aside-") }
    }
}

/// A body whose bytes follow from a seed. `@unchecked Sendable` because it never changes.
final class PatternBody: BodySource, @unchecked Sendable {
    let bytes: [UInt8]
    /// What is behind it is not there.
    private let end: Int
    private let memory: UnsafeMutableRawBufferPointer
    /// Windows are not longer, so that a slice is put together from several.
    private let windowBytes: Int

    init(seed: Int, count: Int, end: Int = .max, windowBytes: Int = 100_000) {
        bytes = Self.bytes(seed: seed, count: count)
        self.end = min(end, count)
        self.windowBytes = windowBytes
        memory = .allocate(byteCount: max(1, count), alignment: 8)
        memory.copyBytes(from: bytes)
    }

    deinit { memory.deallocate() }

    static func bytes(seed: Int, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 | 1
            let raw = UnsafeMutableRawBufferPointer(buffer)
            for offset in stride(from: 0, to: count, by: 8) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                withUnsafeBytes(of: state) { word in
                    for index in 0..<min(8, count - offset) { raw[offset + index] = word[index] }
                }
            }
            initialized = count
        }
    }

    override func window(at offset: Int) -> Window {
        guard offset < end else { return offset < bytes.count ? .failed : .end }
        let count = min(windowBytes, end - offset)
        return .bytes(UnsafeRawBufferPointer(rebasing: memory[offset..<offset + count]))
    }
}

/// Keeps what a read gives.
final class CollectingReceiver: DiskReceiver {
    struct Collected: Sendable {
        var head: [UInt8]?
        var version: UInt64 = 0
        var length = 0
        var present = SliceSet(count: 0)
        var slices: [Int: [UInt8]] = [:]
        var ends: [String] = []

        /// The slices in order, one after another.
        var body: [UInt8] { slices.sorted { $0.key < $1.key }.flatMap { $0.value } }
    }

    private let collected = Guarded(Collected())
    private let slicesMax: Int

    init(slicesMax: Int = .max) { self.slicesMax = slicesMax }

    func head(_ head: [UInt8], version: UInt64, length: Int, present: SliceSet) -> Bool {
        collected.withLock { collected in
            collected.head = head
            collected.version = version
            collected.length = length
            collected.present = present
        }
        return true
    }

    func slice(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
        collected.withLock { collected in
            collected.slices[index] = Array(bytes)
            return collected.slices.count < slicesMax
        }
    }

    func done() { end("done") }
    func missing() { end("missing") }
    func failed(_ error: DiskReadError) { end("\(error)") }

    private func end(_ name: String) {
        collected.withLock { $0.ends.append(name) }
        collected.signal(all: true)
    }

    func wait() -> Collected {
        let deadline = Clock.monotonicMilliseconds() + 60_000
        let result = collected.wait(untilMilliseconds: deadline) { $0.ends.isEmpty ? nil : $0 }
        return result ?? Collected(ends: ["no end"])
    }
}

extension DiskTier {
    /// Stores and waits for the commit; nil when it was refused.
    @discardableResult
    func storeAndWait(
        _ key: String, _ body: PatternBody, version: UInt64 = 1, slices: Range<Int>? = nil, head: String = "head",
        freshUntil: UInt64 = 4_000_000_000
    ) -> Bool? {
        let done = Guarded<Bool?>(nil)
        let isQueued = store(
            DiskWrite(
                key: Array(key.utf8), head: Array(head.utf8), version: version, length: body.bytes.count,
                slices: slices, freshUntilWallSeconds: freshUntil, body: body,
                onCommitted: { good in
                    done.withLock { $0 = good }
                    done.signal()
                }))
        return isQueued ? done.wait { $0 } : nil
    }

    func readAndWait(_ key: String, slices: Range<Int>? = nil) -> CollectingReceiver.Collected {
        let receiver = CollectingReceiver()
        read(Array(key.utf8), slices: slices, receiver: receiver)
        return receiver.wait()
    }

    func contains(_ key: String) -> Bool { contains(Array(key.utf8)) }

    /// Runs a change and waits until it is durable.
    @discardableResult
    func wait(_ change: (@escaping @Sendable (Bool) -> Void) -> Bool) -> Bool {
        let done = Guarded<Bool?>(nil)
        let isQueued = change { good in
            done.withLock { $0 = good }
            done.signal()
        }
        return isQueued && done.wait { $0 } == true
    }
}
