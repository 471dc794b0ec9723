// SPDX-License-Identifier: Apache-2.0

/// One piece of work, leased to one worker for a limited time.
public struct JobLease: Sendable, Equatable {
    public var jobID: Int64
    public var videoID: String
    /// 1 for the first try. Together with `jobID` it fences: calls with an old attempt number are refused.
    public var attempt: Int
    /// Wall-clock milliseconds at which the lease ends unless a heartbeat moves it.
    public var expiresMilliseconds: Int64

    public init(jobID: Int64, videoID: String, attempt: Int, expiresMilliseconds: Int64) {
        self.jobID = jobID
        self.videoID = videoID
        self.attempt = attempt
        self.expiresMilliseconds = expiresMilliseconds
    }
}

/// What became of a heartbeat.
public enum HeartbeatResult: Sendable, Equatable {
    case extended
    /// The lease ran out and the job is another's, or it was cancelled: stop work, publish nothing.
    case lost
}

/// What became of a failed try.
public enum FailureResult: Sendable, Equatable {
    /// The job goes back into the queue and is leased again, not before the given wall-clock milliseconds.
    case retryAt(Int64)
    /// No try is left, or the failure is final: the job is set aside and the video is FAILED.
    case setAside
    case lost
}

/// The queue of transcode jobs. A job whose lease ends without a heartbeat is leased to the next worker
/// that asks; when its tries are used up it is set aside and its video turns FAILED.
public protocol JobQueue: Sendable {
    /// Adds a job for a video; a video has at most one live job, so a second call changes nothing.
    func enqueue(videoID: String) async throws(BackendError)

    /// The oldest job that is due, or nil. `worker` names who holds it, for people.
    func lease(worker: String, durationMilliseconds: Int64) async throws(BackendError) -> JobLease?

    /// Proves that the worker lives: moves the end of the lease and stores the progress (0 to 100 per cent).
    func heartbeat(_ lease: JobLease, durationMilliseconds: Int64, progressPercent: Double)
        async throws(BackendError) -> HeartbeatResult

    /// Ends the job: the video turns READY with what was published. False when the lease was lost.
    func complete(_ lease: JobLease, result: TranscodeResult) async throws(BackendError) -> Bool

    /// Ends this try. `reason` is a sentence for the uploader. `final` failures (a broken file) are not tried again.
    func fail(_ lease: JobLease, reason: String, final: Bool) async throws(BackendError) -> FailureResult

    /// Gives the lease back without counting a try, for a graceful stop.
    func release(_ lease: JobLease) async throws(BackendError)
}
