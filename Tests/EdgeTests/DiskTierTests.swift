// SPDX-License-Identifier: Apache-2.0

import Base
import Net
import Testing

@testable import Edge

private let sliceBytes = DiskSlice.byteCount

@Suite struct DiskTierTests {
    private let folder = DiskFolder()

    @Test func whatIsStoredIsReadAgainAlsoAfterARestart() throws {
        let counts = [0, 1, 3000, sliceBytes - 1, sliceBytes, sliceBytes + 1, 1_500_000]
        try folder.withTier { tier in
            for count in counts {
                let body = PatternBody(seed: count, count: count)
                #expect(tier.storeAndWait("/\(count)", body, head: "h\(count)") == true)
            }
            for count in counts { check(tier, count) }
            #expect(!tier.contains("/2"))
            #expect(tier.readAndWait("/2").ends == ["missing"])
            let statistics = tier.statistics
            #expect(statistics.objects == counts.count && statistics.writes == counts.count)
            #expect(statistics.bytesWritten == counts.reduce(0, +) && statistics.bytesRead == counts.reduce(0, +))
            #expect(statistics.usedBytes > counts.reduce(0, +))
        }
        try folder.withTier { tier in
            for count in counts { check(tier, count) }
            #expect(tier.statistics.objects == counts.count && tier.statistics.setAside == 0)
        }
    }

    private func check(_ tier: DiskTier, _ count: Int) {
        let read = tier.readAndWait("/\(count)")
        #expect(read.ends == ["done"] && read.head == Array("h\(count)".utf8) && read.length == count)
        #expect(read.body == PatternBody.bytes(seed: count, count: count))
        let entry = tier.lookup(Array("/\(count)".utf8))
        #expect(entry?.version == 1 && entry?.isComplete == true && entry?.freshUntilWallSeconds == 4_000_000_000)
    }

    @Test func slicesOfOneVersionComeTogether() throws {
        let body = PatternBody(seed: 1, count: 5 * sliceBytes + 10)
        try folder.withTier { tier in
            tier.storeAndWait("/a", body, slices: 1..<3)
            #expect(tier.lookup(Array("/a".utf8))?.isComplete == false)
            let some = tier.readAndWait("/a", slices: 0..<2)
            #expect(some.ends == ["done"] && Array(some.slices.keys) == [1])
            #expect((0..<7).filter { some.present.contains($0) } == [1, 2])
            tier.storeAndWait("/a", body, slices: 2..<6)
            #expect(tier.statistics.bytesWritten == 4 * sliceBytes + 10, "a slice that is there is not written again")
            tier.storeAndWait("/a", body)
            let all = tier.readAndWait("/a")
            #expect(all.body == body.bytes && all.present.isComplete)
            #expect(tier.lookup(Array("/a".utf8))?.isComplete == true)
            #expect(tier.readAndWait("/a", slices: 4..<99).body == Array(body.bytes[(4 * sliceBytes)...]))
            #expect(tier.statistics.objects == 1)
        }
    }

    @Test func anotherVersionTakesThePlaceAndThePages() throws {
        try folder.withTier { tier in
            tier.storeAndWait("/a", PatternBody(seed: 1, count: 6 * sliceBytes))
            let before = tier.statistics.usedBytes
            tier.storeAndWait("/a", PatternBody(seed: 2, count: 2 * sliceBytes), version: 2, slices: 1..<2)
            let read = tier.readAndWait("/a")
            #expect(read.version == 2 && Array(read.slices.keys) == [1])
            #expect(read.body == Array(PatternBody.bytes(seed: 2, count: 2 * sliceBytes)[sliceBytes...]))
            #expect(tier.statistics.usedBytes < before - 4 * sliceBytes)
            // The same version with another length is another object as well.
            tier.storeAndWait("/a", PatternBody(seed: 3, count: 100), version: 2)
            #expect(tier.readAndWait("/a").body == PatternBody.bytes(seed: 3, count: 100))
            #expect(tier.statistics.objects == 1)
        }
    }

    @Test func keysThatCollideAreNotTakenForOneAnother() throws {
        let identify: @Sendable ([UInt8]) -> DiskIdentifier = { _ in DiskIdentifier(high: 1, low: 2) }
        try folder.withTier(identify: identify) { tier in
            tier.storeAndWait("/a", PatternBody(seed: 1, count: 1000))
            #expect(tier.readAndWait("/b").ends == ["missing"])
            #expect(tier.readAndWait("/b").head == nil)
            tier.storeAndWait("/b", PatternBody(seed: 2, count: 1000))
            #expect(tier.readAndWait("/a").ends == ["missing"])
            #expect(tier.readAndWait("/b").body == PatternBody.bytes(seed: 2, count: 1000))
            tier.updateHead(Array("/a".utf8), head: [1], version: 1, freshUntilWallSeconds: 1)
            #expect(tier.wait { tier.putMeta("x", [], onDurable: $0) })
            #expect(tier.readAndWait("/b").head == Array("head".utf8))
        }
    }

    @Test func aHeadIsReplacedWithoutTheBody() throws {
        try folder.withTier { tier in
            tier.storeAndWait("/a", PatternBody(seed: 1, count: 1000), version: 5, freshUntil: 10)
            tier.updateHead(Array("/a".utf8), head: Array("new".utf8), version: 5, freshUntilWallSeconds: 20)
            tier.updateHead(Array("/a".utf8), head: Array("other".utf8), version: 6, freshUntilWallSeconds: 30)
            tier.updateHead(Array("/b".utf8), head: Array("none".utf8), version: 5, freshUntilWallSeconds: 30)
        }
        try folder.withTier { tier in
            let read = tier.readAndWait("/a")
            #expect(read.head == Array("new".utf8) && read.body.count == 1000)
            #expect(tier.lookup(Array("/a".utf8))?.freshUntilWallSeconds == 20)
            #expect(!tier.contains("/b"))
        }
    }

    @Test func whatIsRemovedIsGoneAtOnceAndAfterARestart() throws {
        try folder.withTier { tier in
            for name in ["/a", "/b", "/c"] { tier.storeAndWait(name, PatternBody(seed: 1, count: 500_000)) }
            let used = tier.statistics.usedBytes
            let isDurable = tier.wait { report in
                let isQueued = tier.remove(Array("/a".utf8), onDurable: report)
                #expect(!tier.contains("/a") && tier.lookup(Array("/a".utf8)) == nil)
                return isQueued
            }
            #expect(isDurable)
            #expect(tier.readAndWait("/a").ends == ["missing"])
            #expect(tier.contains("/b"))
            #expect(tier.statistics.usedBytes < used - 500_000)
            // A store that was queued before its removal does not come back.
            let body = PatternBody(seed: 2, count: 10)
            tier.store(
                DiskWrite(
                    key: Array("/d".utf8), head: [], version: 1, length: 10, freshUntilWallSeconds: 1, body: body))
            tier.remove(Array("/d".utf8))
            #expect(!tier.contains("/d"))
            #expect(tier.wait { tier.putMeta("x", [], onDurable: $0) })
            #expect(!tier.contains("/d"))
        }
        try folder.withTier { tier in
            #expect(["/a", "/b", "/c", "/d"].filter { tier.contains($0) } == ["/b", "/c"])
        }
    }

    @Test func allIsRemovedAtOnceAndItsPagesAreFreed() throws {
        try folder.withTier { tier in
            for number in 0..<20 { tier.storeAndWait("/\(number)", PatternBody(seed: number, count: 1_000_000)) }
            let isDurable = tier.wait { report in
                let isQueued = tier.removeAll(onDurable: report)
                #expect(!tier.contains("/1") && tier.lookup(Array("/1".utf8)) == nil)
                return isQueued
            }
            #expect(isDurable)
            #expect(tier.statistics.objects == 0)
            tier.storeAndWait("/1", PatternBody(seed: 100, count: 10))
            #expect(tier.readAndWait("/1").body == PatternBody.bytes(seed: 100, count: 10))
            let deadline = Clock.monotonicMilliseconds() + 10_000
            while tier.statistics.usedBytes > 1 << 20, Clock.monotonicMilliseconds() < deadline {
                tier.storeAndWait("/2", PatternBody(seed: 100, count: 10))
            }
            #expect(tier.statistics.usedBytes < 1 << 20)
        }
        try folder.withTier { tier in
            #expect((0..<20).filter { tier.contains("/\($0)") } == [1, 2])
            #expect(tier.readAndWait("/1").body == PatternBody.bytes(seed: 100, count: 10))
        }
    }

    @Test func smallValuesAreKept() throws {
        try folder.withTier { tier in
            let none = try tier.getMeta("purges")
            #expect(none == nil)
            #expect(tier.wait { tier.putMeta("purges", [1, 2, 3], onDurable: $0) })
            let first = try tier.getMeta("purges")
            #expect(first == [1, 2, 3])
            #expect(tier.wait { tier.putMeta("purges", [4], onDurable: $0) })
            #expect(!tier.putMeta("", [1]) && !tier.putMeta("x", [UInt8](repeating: 0, count: 2 << 20)))
        }
        let kept = try folder.withTier { try $0.getMeta("purges") }
        #expect(kept == [4])
    }

    @Test func aBodyThatIsNotAllThereIsNotStoredAsIfItWere() throws {
        try folder.withTier { tier in
            let broken = PatternBody(seed: 1, count: 3 * sliceBytes, end: sliceBytes + 5)
            #expect(tier.storeAndWait("/a", broken) == false)
            let read = tier.readAndWait("/a")
            #expect(read.body == Array(broken.bytes[..<sliceBytes]) && !read.present.isComplete)
            #expect(tier.storeAndWait("/b", PatternBody(seed: 1, count: 100, end: 50)) == false)
            #expect(!tier.contains("/b"))
        }
    }

    @Test func whatDoesNotFitTheQueueOrTheBudgetIsRefused() throws {
        var settings = folder.settings()
        settings.writeQueueBytesMax = 1 << 20
        let tier = try DiskTier(settings)
        defer { tier.stop(withinMilliseconds: 60_000) }
        #expect(tier.storeAndWait("/a", PatternBody(seed: 1, count: 2 << 20)) == nil)
        #expect(tier.statistics.writeRefusals == 1)
        #expect(tier.storeAndWait("/b", PatternBody(seed: 1, count: 9 << 20), slices: 0..<1) == nil)
        #expect(tier.storeAndWait("/c", PatternBody(seed: 1, count: 1000)) == true)
    }

    @Test func aReceiverCanEndARead() throws {
        try folder.withTier { tier in
            tier.storeAndWait("/a", PatternBody(seed: 1, count: 4 * sliceBytes))
            let receiver = CollectingReceiver(slicesMax: 2)
            tier.read(Array("/a".utf8), receiver: receiver)
            let read = receiver.wait()
            #expect(read.slices.count == 2 && read.ends == ["stopped"])
        }
    }

    @Test func afterItsStopEverythingIsRefused() throws {
        let tier = try DiskTier(folder.settings())
        tier.storeAndWait("/a", PatternBody(seed: 1, count: 1000))
        tier.stop(withinMilliseconds: 1000)
        #expect(!tier.contains("/a"))
        #expect(tier.readAndWait("/a").ends == ["refused"])
        #expect(tier.storeAndWait("/b", PatternBody(seed: 1, count: 10)) == nil)
        let none = try tier.getMeta("x")
        #expect(none == nil)
        let isThere = try folder.withTier { $0.contains("/a") }
        #expect(isThere, "the folder is free again")
    }
}
