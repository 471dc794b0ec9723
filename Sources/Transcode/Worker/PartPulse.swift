// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import Synchronization

/// The heartbeats of one try of a part: often enough for the lease, and when there is progress to show.
final class PartPulse: Sendable {
    private static let tickMilliseconds = 250
    /// Progress is written to the catalog at most this often.
    private static let progressMilliseconds: Int64 = 500
    /// Progress of the part that is worth a write of its own.
    private static let step = 0.01

    private let lease: JobLease
    private let queue: any JobQueue
    private let leaseMilliseconds: Int64
    private let heartbeatMilliseconds: Int64
    private let progress = Mutex(WorkProgress())

    init(_ lease: JobLease, queue: any JobQueue, settings: OriginConfiguration.Transcode) {
        self.lease = lease
        self.queue = queue
        leaseMilliseconds = Int64(settings.leaseSeconds) * 1000
        heartbeatMilliseconds = Int64(settings.heartbeatSeconds) * 1000
    }

    /// So much of the part is done, 0 to 1.
    func show(fraction: Double) {
        progress.withLock { $0.fraction = fraction }
    }

    /// So many seconds of the video are done of these renditions.
    func show(seconds: [String: Double]) {
        progress.withLock { $0.seconds.merge(seconds) { $1 } }
    }

    /// Returns `.lost` when the part is not ours any more, `.extended` when the task was cancelled.
    func beat() async -> HeartbeatResult {
        var lastSuccess = Clock.monotonicMilliseconds()
        var lastTry = lastSuccess
        var shown = WorkProgress()
        while !Task.isCancelled {
            await pause(milliseconds: Self.tickMilliseconds)
            let now = Clock.monotonicMilliseconds()
            let present = progress.withLock { $0 }
            let wait =
                present.fraction >= shown.fraction + Self.step ? Self.progressMilliseconds : heartbeatMilliseconds
            guard now - lastTry >= min(wait, heartbeatMilliseconds), !Task.isCancelled else { continue }
            lastTry = now
            do throws(BackendError) {
                let result = try await queue.heartbeat(
                    lease, durationMilliseconds: leaseMilliseconds, progress: present)
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
