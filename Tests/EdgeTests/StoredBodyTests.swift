// SPDX-License-Identifier: Apache-2.0

import Cache
import Net
import Synchronization
import Testing

@testable import Edge

@Suite struct StoredBodyTests: StoreSuite {
    @Test(arguments: [true, false])
    func bytesCanBeReadAsTheyArriveInAnyPieces(isLengthKnown: Bool) {
        let count = 2 * StoredBody.sliceBytes + 77
        let body = StoredBody(length: isLengthKnown ? count : nil, capacityBytes: 1 << 20, memory: memory)
        #expect(read(body).end == "pending")
        let bytes = counting(count, by: 3)
        var position = 0
        var piece = 1
        while position < count {
            let end = min(count, position + piece)
            bytes[position..<end].withUnsafeBytes { body.append($0) }
            position = end
            piece = piece * 3 + 1
            if position < count { #expect(read(body) == (Array(bytes[..<position]), "pending")) }
        }
        body.complete()
        #expect(read(body) == (bytes, "end"))
        #expect(body.length == count && body.isWhole)
    }

    @Test func aBodyWithoutAByteIsWhole() {
        let body = StoredBody(length: 0, capacityBytes: 1 << 20, memory: memory)
        #expect(body.isWhole)
        #expect(read(body).end == "end")
    }

    @Test func aBodyCountsInMemoryFromItsHeadOnWhenItsLengthIsKnown() {
        let memory = BodyMemory(limitBytes: 1 << 20)
        var known: StoredBody? = StoredBody(length: 3 << 20, capacityBytes: 4 << 20, memory: memory)
        #expect(memory.usedBytes == 3 << 20 && memory.isExhausted)
        withExtendedLifetime(known) {}
        known = nil
        #expect(memory.usedBytes == 0)
        // A short body of unknown length does not take a whole large slice.
        let unknown = StoredBody(length: nil, capacityBytes: 4 << 20, memory: memory)
        [UInt8](repeating: 1, count: 10).withUnsafeBytes { unknown.append($0) }
        #expect(memory.usedBytes <= 64 << 10)
        #expect(unknown.costBytes <= 65 << 10)
    }

    @Test func aFailedBodyIsNeverTakenForWhole() {
        let body = StoredBody(length: 11, capacityBytes: 1 << 20, memory: memory)
        counting(10).withUnsafeBytes { body.append($0) }
        body.fail()
        #expect(read(body) == (counting(10), "failed"))
        #expect(!body.isWhole)
    }

    // MARK: Pieces

    private let length = 5 * StoredBody.sliceBytes + 100

    @Test func aSliceLiesInItsCacheLineAsLargeValuesOfLMDBDo() throws {
        let body = StoredBody(piecesOf: length, memory: memory)
        for index in [0, 5] {
            let count = index == 5 ? 100 : StoredBody.sliceBytes
            let slice = try #require(body.reserve(slice: index, count: count)?.baseAddress)
            #expect(UInt(bitPattern: slice) % 64 == 16)
        }
    }

    @Test func noSliceIsClaimedTwice() {
        let body = StoredBody(piecesOf: length, memory: memory)
        #expect(body.claim(from: 2, to: 4) == 2..<4)
        #expect(body.claim(from: 0, to: 6) == 0..<2)
        #expect(body.claim(from: 3, to: 6) == nil)
        #expect(body.claim(from: 4, to: 99) == 4..<6)
        body.release(2..<4)
        #expect(body.claim(from: 3, to: 4) == 3..<4)
    }

    @Test func piecesInAnyOrderMakeAWhole() {
        let memory = BodyMemory(limitBytes: 1 << 30)
        let body = StoredBody(piecesOf: length, memory: memory)
        #expect(memory.usedBytes == 0)
        let bytes = counting(length, by: 7)
        for run in [3..<5, 0..<1, 5..<6, 1..<3] {
            #expect(body.claim(from: run.lowerBound, to: run.upperBound) == run)
            var position = run.lowerBound * StoredBody.sliceBytes
            let end = min(length, run.upperBound * StoredBody.sliceBytes)
            #expect(read(body, from: position).end == "pending")
            while position < end {
                let next = min(end, position + 100_001)
                bytes[position..<next].withUnsafeBytes { body.write($0, at: position, in: run) }
                position = next
            }
            body.release(run)
            #expect(body.holds(slice: run.lowerBound))
        }
        #expect(body.isWhole)
        #expect(read(body) == (bytes, "end"))
        #expect(memory.usedBytes == length)
    }

    /// A fill breaks off in the middle of a slice; the next one begins with the slice's first byte again.
    @Test func aHalfSliceIsCompletedByAnother() {
        let body = StoredBody(piecesOf: length, memory: memory)
        let bytes = counting(length, by: 11)
        let run = body.claim(from: 1, to: 3) ?? 0..<0
        let start = StoredBody.sliceBytes
        bytes[start..<start + 1000].withUnsafeBytes { body.write($0, at: start, in: run) }
        body.release(run)
        #expect(read(body, from: start) == (Array(bytes[start..<start + 1000]), "pending"))
        let again = body.claim(from: 1, to: 2) ?? 0..<0
        #expect(again == 1..<2)
        // What comes before and behind the run is not written.
        bytes[0..<3 * start].withUnsafeBytes { body.write($0, at: 0, in: again) }
        #expect(read(body, from: start) == (Array(bytes[start..<2 * start]), "pending"))
        #expect(read(body, from: 0).bytes.isEmpty)
    }

    @Test func aBodyIsGivenUpAfterSomeFailures() {
        let body = StoredBody(piecesOf: length, memory: memory)
        #expect(body.mayTryAgain())
        #expect(body.mayTryAgain())
        #expect(!body.mayTryAgain())
        #expect(read(body).end == "failed")
    }

    @Test func everyWaitingWorkerIsNamedOnce() {
        let body = StoredBody(piecesOf: length, memory: memory)
        body.waiting.add(0)
        body.waiting.add(5)
        body.waiting.add(5)
        #expect(body.waiting.take() == 0b100001)
        #expect(body.waiting.take() == 0)
    }
}

@Suite struct PipeBodyTests: StoreSuite {
    /// What the only reader has taken is given back, what it has not is there.
    @Test func whatWasReadIsGivenUp() {
        let memory = BodyMemory(limitBytes: 1 << 30)
        var pipe: PipeBody? = PipeBody(memory: memory)
        let bytes = counting(100_000, by: 7)
        for round in 1...200 {
            bytes.withUnsafeBytes { pipe?.append($0) }
            let position = round * bytes.count - 1234
            pipe?.discard(before: position)
            guard case .bytes(let view)? = pipe?.window(at: position) else {
                Issue.record("the bytes at \(position) are gone")
                return
            }
            #expect(view[0] == bytes[bytes.count - 1234])
            #expect(memory.usedBytes <= 2 * bytes.count)
        }
        pipe = nil
        #expect(memory.usedBytes == 0)
    }

    @Test func anEndIsNotAFailure() {
        let pipe = PipeBody(memory: memory)
        counting(10).withUnsafeBytes { pipe.append($0) }
        #expect(read(pipe) == (counting(10), "pending"))
        pipe.complete()
        #expect(read(pipe) == (counting(10), "end"))
        let broken = PipeBody(memory: memory)
        counting(10).withUnsafeBytes { broken.append($0) }
        broken.fail()
        #expect(read(broken) == (counting(10), "failed"))
    }
}
