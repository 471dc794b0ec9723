// SPDX-License-Identifier: Apache-2.0
//
// One loop with a connection for each viewer. Viewers start one after the other within one pause, so that they do not walk
// in step. Everything belongs to the calling thread.

import Base
import Glibc
import Net

/// Viewers on their way through the segments of their videos.
final class Walk {
    /// What the viewers got.
    struct Times {
        /// From the request to the first byte of the answer, in microseconds, of the first segment of each video and of
        /// those behind it.
        var first: [Int64] = []
        var later: [Int64] = []
        /// Answers that were not whole with status 200.
        var wrong = 0
    }

    private let plan: WalkPlan
    private let loop: EventLoop
    private let server: UpstreamServer
    private var limits = UpstreamLimits()
    private var viewers: [Viewer] = []
    private var walking = 0
    private(set) var times = Times()

    /// Throws when the system gives no loop.
    init(_ plan: WalkPlan, port: Int) throws {
        self.plan = plan
        loop = try EventLoop()
        guard let endpoint = Endpoint("127.0.0.1:\(port)") else { throw BenchError("port \(port) is none") }
        server = UpstreamServer(endpoint)
        limits.connectionsMax = 1
        limits.firstByteTimeoutMilliseconds = 60_000
        limits.stallTimeoutMilliseconds = 60_000
        limits.idleTimeoutMilliseconds = 600_000
    }

    /// Walks to the end.
    func run() -> Times {
        walking = plan.viewers
        for index in 0..<plan.viewers {
            let viewer = Viewer(index, UpstreamPool(server: server, loop: loop, limits: limits))
            viewer.dueMilliseconds = loop.now + Int64(plan.thinkMilliseconds * index / plan.viewers)
            viewers.append(viewer)
        }
        // The loop's turns are too far apart for a pause: a thread wakes it.
        let pulse = Pulse(loop.mailbox) { [unowned self] in turn() }
        loop.run()
        pulse.stop()
        return times
    }

    private func turn() {
        let now = Clock.monotonicMilliseconds()
        for viewer in viewers where viewer.dueMilliseconds.map({ now >= $0 }) ?? false {
            viewer.dueMilliseconds = nil
            ask(viewer)
        }
    }

    private func ask(_ viewer: Viewer) {
        let path = viewer.next < 0 ? plan.playlistPath(viewer.index) : plan.segmentPath(viewer.index, viewer.next)
        guard let request = UpstreamRequest(method: Array("GET".utf8), target: Array(path.utf8)) else { return }
        let answer = Answer(startedMicroseconds: Clock.monotonicMicroseconds()) { [unowned self, unowned viewer] in
            finished(viewer)
        }
        viewer.answer = answer
        _ = viewer.pool.start(request, answer)
    }

    private func finished(_ viewer: Viewer) {
        guard let answer = viewer.answer else { return }
        let isSegment = viewer.next >= 0
        let bytes = isSegment ? plan.segmentBytes : plan.playlist.utf8.count
        if answer.status != 200 || answer.lastByteMicroseconds == nil || answer.bytes != bytes { times.wrong += 1 }
        if isSegment, let time = answer.firstByteMicroseconds {
            if viewer.next == 0 { times.first.append(time) } else { times.later.append(time) }
        }
        viewer.next += 1
        guard viewer.next < plan.segments else {
            walking -= 1
            if walking == 0 { loop.stop() }
            return
        }
        // A player asks for the first segment as soon as it has the playlist.
        viewer.dueMilliseconds = Clock.monotonicMilliseconds() + Int64(isSegment ? plan.thinkMilliseconds : 0)
    }
}

/// One viewer: where it is, and when it goes on.
private final class Viewer {
    let index: Int
    let pool: UpstreamPool
    /// The segment to ask for; -1 for the playlist.
    var next = -1
    var dueMilliseconds: Int64?
    var answer: Answer?

    init(_ index: Int, _ pool: UpstreamPool) {
        self.index = index
        self.pool = pool
    }
}
