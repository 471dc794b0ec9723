// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

@Suite struct FairQueueTests {
    private var queue = FairQueue<String>(runningMax: 1, waitingMax: 4)

    /// What became of one that asked: `runs`, `waits`, `waits for X`, `refused`.
    private func enter(
        _ queue: inout FairQueue<String>, _ element: String, _ key: UInt64, until deadline: Int64 = 1000
    ) -> String {
        switch queue.enter(element, class: key, deadlineMilliseconds: deadline) {
        case .runs: "runs"
        case .waits(nil): "waits"
        case .waits(let displaced?): "waits for \(displaced)"
        case .refused: "refused"
        }
    }

    private func drain(_ queue: inout FairQueue<String>) -> [String] {
        var order: [String] = []
        while queue.runningCount > 0 {
            queue.leave()
            if let next = queue.next() { order.append(next) }
        }
        return order
    }

    @Test func oneRunsAndTheOthersWaitInTurn() {
        var queue = queue
        #expect(enter(&queue, "a", 1) == "runs")
        #expect(enter(&queue, "b", 1) == "waits")
        #expect(queue.next() == nil)
        queue.leave()
        #expect(queue.next() == "b")
        #expect(queue.next() == nil)
        #expect(queue.runningCount == 1 && queue.waitingCount == 0)
    }

    /// A hundred of one class wait before a single one of another: that one is next but one.
    @Test func aLargeClassDelaysAnotherByOneTurn() {
        var queue = FairQueue<String>(runningMax: 1, waitingMax: 1000)
        #expect(enter(&queue, "first", 1) == "runs")
        for index in 0..<100 { #expect(enter(&queue, "viral \(index)", 1) == "waits") }
        #expect(enter(&queue, "quiet", 2) == "waits")
        #expect(drain(&queue).prefix(3) == ["viral 0", "quiet", "viral 1"])
    }

    @Test func classesTakeTurns() {
        var queue = FairQueue<String>(runningMax: 1, waitingMax: 100)
        _ = enter(&queue, "x", 9)
        for element in ["a1", "a2", "a3"] { _ = enter(&queue, element, 1) }
        for element in ["b1", "b2"] { _ = enter(&queue, element, 2) }
        _ = enter(&queue, "c1", 3)
        #expect(drain(&queue) == ["a1", "b1", "c1", "a2", "b2", "a3"])
    }

    @Test func aNewcomerDoesNotOvertakeThoseWhoWait() {
        var queue = FairQueue<String>(runningMax: 2, waitingMax: 4)
        for element in ["a", "b", "c"] { _ = enter(&queue, element, 1) }
        queue.leave()
        #expect(enter(&queue, "d", 1) == "waits")
        #expect(queue.next() == "c")
    }

    @Test func aFullRoomTakesFromTheLargestClass() {
        var queue = queue
        _ = enter(&queue, "x", 9)
        for index in 0..<4 { #expect(enter(&queue, "a\(index)", 1) == "waits") }
        #expect(enter(&queue, "a4", 1) == "refused")
        #expect(enter(&queue, "b0", 2) == "waits for a3")
        #expect(enter(&queue, "b1", 2) == "waits for a2")
        #expect(enter(&queue, "b2", 2) == "refused", "each has its half")
        #expect(queue.waitingCount == 4)
        #expect(drain(&queue) == ["a0", "b0", "a1", "b1"])
    }

    @Test func whoHasWaitedTooLongGoes() {
        var queue = queue
        _ = enter(&queue, "x", 9)
        _ = enter(&queue, "a", 1, until: 100)
        _ = enter(&queue, "b", 1, until: 200)
        _ = enter(&queue, "c", 2, until: 100)
        #expect(queue.expire(nowMilliseconds: 99) == [])
        #expect(queue.expire(nowMilliseconds: 100) == ["a", "c"])
        #expect(queue.waitingCount == 1)
        #expect(drain(&queue) == ["b"])
    }

    @Test func whoIsTakenOutIsNotServed() {
        var queue = queue
        _ = enter(&queue, "x", 9)
        for element in ["a", "b", "c"] { _ = enter(&queue, element, 1) }
        queue.remove { $0 == "b" }
        #expect(drain(&queue) == ["a", "c"])
    }

    @Test func moreRoomLetsMoreRun() {
        var queue = queue
        for element in ["a", "b", "c"] { _ = enter(&queue, element, 1) }
        queue.runningMax = 3
        #expect(queue.next() == "b")
        #expect(queue.next() == "c")
        #expect(queue.next() == nil)
    }

    @Test func withoutRoomToWaitOneIsRefused() {
        var queue = FairQueue<String>(runningMax: 1, waitingMax: 0)
        #expect(enter(&queue, "a", 1) == "runs")
        #expect(enter(&queue, "b", 2) == "refused")
    }
}
