// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import Synchronization

/// The heartbeats of one job: often enough for the lease, and when there is progress to show.
final class JobPulse: Sendable {
    /// The part of the work that is done when the child has ended; the rest is publication.
    static let transcodeShare = 0.95
    private static let tickMilliseconds = 250
    /// Progress is written to the catalog at most this often.
    private static let progressMilliseconds: Int64 = 500

    private let lease: JobLease
    private let queue: any JobQueue
    private let leaseMilliseconds: Int64
    private let heartbeatMilliseconds: Int64
    private let percent = Mutex(0.0)

    init(_ lease: JobLease, queue: any JobQueue, settings: OriginConfiguration.Transcode) {
        self.lease = lease
        self.queue = queue
        leaseMilliseconds = Int64(settings.leaseSeconds) * 1000
        heartbeatMilliseconds = Int64(settings.heartbeatSeconds) * 1000
    }

    /// The work stands at `percent`.
    func show(percent: Double) {
        self.percent.withLock { $0 = percent }
    }

    /// Returns `.lost` when the job is not ours any more, `.extended` when the task was cancelled.
    func beat() async -> HeartbeatResult {
        var lastSuccess = Clock.monotonicMilliseconds()
        var lastTry = lastSuccess
        var shown = 0.0
        while !Task.isCancelled {
            await pause(milliseconds: Self.tickMilliseconds)
            let now = Clock.monotonicMilliseconds()
            let present = percent.withLock { $0 }
            let wait = present >= shown + 1 ? Self.progressMilliseconds : heartbeatMilliseconds
            guard now - lastTry >= min(wait, heartbeatMilliseconds), !Task.isCancelled else { continue }
            lastTry = now
            do throws(BackendError) {
                let result = try await queue.heartbeat(
                    lease, durationMilliseconds: leaseMilliseconds, progressPercent: present)
                guard result == .extended else { return .lost }
                lastSuccess = now
                shown = present
            } catch {
                Log.warning("a heartbeat failed", ["video": lease.videoID, "reason": "\(error)"])
                if now - lastSuccess > leaseMilliseconds { return .lost }
            }
        }
        return .extended
    }
}
