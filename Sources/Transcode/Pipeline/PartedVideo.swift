// SPDX-License-Identifier: Apache-2.0

import HLS
import Synchronization

/// A video made by several media children at once, each a part at a time, in one folder.
///
/// `run` starts a thread for each child that may run, and waits for all. The state behind the mutex is theirs.
final class PartedVideo: Sendable {
    /// How the video ended: its result, or the outcome of the first child that did not give one.
    enum Ending: Sendable {
        case result(MediaResult)
        case failed(ChildOutcome)
    }

    private struct State {
        /// Next first.
        var pending: [MediaPart]
        var isSoundPlanned: Bool
        var results: [MediaResult] = []
        var running: [ObjectIdentifier: ChildProcess] = [:]
        /// Per cent of each rung's work in each part.
        var percents: [(part: MediaPart, rungs: [String: Double])] = []
        var failure: Result<ChildOutcome, MediaError>?
    }

    private let plan: MediaPlan
    private let job: ChildProcess.Job
    private let playlists: GrowingPlaylists
    private let show: @Sendable ([(rung: String, percent: Double)]) -> Void
    private let state: Mutex<State>

    /// Makes the video of `plan`. Every child gets `job` with its part. `show` is told the progress, by one thread at a
    /// time.
    init(
        _ plan: MediaPlan, job: ChildProcess.Job, show: @escaping @Sendable ([(rung: String, percent: Double)]) -> Void
    ) {
        self.plan = plan
        self.job = job
        self.show = show
        playlists = GrowingPlaylists(folder: job.folder, rungs: plan.rungs, hasSound: plan.hasSound)
        state = Mutex(State(pending: Self.order(plan), isSoundPlanned: !plan.hasSound))
    }

    /// The head with its sound, then the last chunk, which tells the length for the sound, then the rest in order.
    private static func order(_ plan: MediaPlan) -> [MediaPart] {
        var parts: [MediaPart] = []
        if let head = plan.headPart {
            parts.append(head)
            if plan.hasSound { parts.append(.sound(videoFrames: nil, segmentsMax: plan.headSegments)) }
        }
        var video = plan.videoParts
        if let first = video.first, video.count > 1 {
            parts.append(first)
            video.removeFirst()
        }
        if let last = video.popLast() { parts.append(last) }
        return parts + video + [.pictures]
    }

    /// Blocks until the video is made or a child has failed. At most `jobs` children run at once.
    func run(jobs: Int) throws(MediaError) -> Ending {
        var threads: [WorkThread] = []
        var failure: MediaError?
        for _ in 0..<jobs {
            do throws(MediaError) {
                threads.append(try WorkThread { [self] in work() })
            } catch {
                failure = error
            }
        }
        for thread in threads { thread.join() }
        if threads.isEmpty, let failure { throw failure }
        let (results, ended) = state.withLock { ($0.results, $0.failure) }
        if let ended { return .failed(try ended.get()) }
        let whole = try PartJoin(plan).join(results)
        try playlists.finish(whole.renditions)
        return .result(whole)
    }

    private func work() {
        while let (part, child) = next() {
            let outcome = Result { () throws(MediaError) in
                try child.listen { message in
                    playlists.take(message)
                    if case .rungs(let percents) = message { tell(percents, of: part) }
                }
            }
            finished(part, child, outcome)
        }
    }

    private func next() -> (MediaPart, ChildProcess)? {
        state.withLock { state in
            guard state.failure == nil, !state.pending.isEmpty else { return nil }
            var job = job
            job.part = state.pending.removeFirst()
            let child = ChildProcess(job)
            state.running[ObjectIdentifier(child)] = child
            return (job.part, child)
        }
    }

    private func finished(_ part: MediaPart, _ child: ChildProcess, _ outcome: Result<ChildOutcome, MediaError>) {
        state.withLock { state in
            state.running[ObjectIdentifier(child)] = nil
            guard state.failure == nil else { return }
            guard case .success(.result(let result)) = outcome else {
                state.failure = outcome
                state.pending = []
                for other in state.running.values { other.kill() }
                return
            }
            state.results.append(result)
            if case .video(let segments, _) = part, segments.upperBound == Int.max, !state.isSoundPlanned {
                state.isSoundPlanned = true
                state.pending.insert(.sound(videoFrames: result.endFrame, segmentsMax: nil), at: 0)
            }
        }
    }

    private func tell(_ percents: [String: Double], of part: MediaPart) {
        state.withLock { state in
            if let index = state.percents.firstIndex(where: { $0.part == part }) {
                state.percents[index].rungs = percents
            } else {
                state.percents.append((part, percents))
            }
            show(plan.rungs.map { rung in (rung, percent(of: rung, in: state.percents)) })
        }
    }

    private func percent(of rung: String, in parts: [(part: MediaPart, rungs: [String: Double])]) -> Double {
        var done = 0.0
        for entry in parts { done += Double(frames(entry.part)) * (entry.rungs[rung] ?? 0) }
        return min(99, done / Double(plan.framesExpected))
    }

    /// The frames that a part of the pictures is expected to have.
    private func frames(_ part: MediaPart) -> Int {
        guard case .video(let segments, _) = part else { return 0 }
        let frames = SegmentPlan(frameRate: plan.frameRate).frames(segments: segments)
        return max(0, min(frames.upperBound, plan.framesExpected) - frames.lowerBound)
    }
}
