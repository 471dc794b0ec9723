// SPDX-License-Identifier: Apache-2.0

/// One part of a video's job, leased to one worker for a limited time.
public struct JobLease: Sendable, Equatable {
    public var jobID: Int64
    public var videoID: String
    /// The part's number in its job.
    public var part: Int
    public var kind: PartKind
    /// What the part's `PartSpec` said of the work.
    public var work: String
    /// What the plan's `PartOutcome` said of the video; empty before.
    public var plan: String
    /// 1 for the first try. Together with job and part it fences: calls with an old attempt number are refused.
    public var attempt: Int
    /// Wall-clock milliseconds at which the lease ends unless a heartbeat moves it.
    public var expiresMilliseconds: Int64

    public init(
        jobID: Int64, videoID: String, part: Int, kind: PartKind, work: String = "", plan: String = "", attempt: Int,
        expiresMilliseconds: Int64
    ) {
        self.jobID = jobID
        self.videoID = videoID
        self.part = part
        self.kind = kind
        self.work = work
        self.plan = plan
        self.attempt = attempt
        self.expiresMilliseconds = expiresMilliseconds
    }
}

/// How far a part has come.
public struct WorkProgress: Sendable, Equatable {
    /// Of the part's work, 0 to 1.
    public var fraction: Double
    /// Seconds of the video that are done, by rendition.
    public var seconds: [String: Double]

    public init(fraction: Double = 0, seconds: [String: Double] = [:]) {
        self.fraction = fraction
        self.seconds = seconds
    }
}

/// What a part that is done leaves for the parts behind it.
public struct PartOutcome: Sendable, Equatable {
    /// Of a plan: what every later lease of the job carries.
    public var plan: String?
    /// Of a plan: the job's further parts.
    public var parts: [PartSpec]
    /// Of a plan: the length of the video as far as it is known.
    public var videoSeconds: Double?
    /// For the parts that follow, by whatever name they look for; kept with the job.
    public var notes: [String: String]
    /// Of an assembly: what the video is now.
    public var result: TranscodeResult?

    public init(
        plan: String? = nil, parts: [PartSpec] = [], videoSeconds: Double? = nil, notes: [String: String] = [:],
        result: TranscodeResult? = nil
    ) {
        self.plan = plan
        self.parts = parts
        self.videoSeconds = videoSeconds
        self.notes = notes
        self.result = result
    }
}

/// Why a try of a part failed.
public struct PartFailure: Sendable, Equatable {
    /// The bytes of a log that are kept, from its end.
    public static let logBytesMax = 16 << 10

    /// A sentence for the uploader.
    public var reason: String
    /// How the work ended, in one word, for the metrics.
    public var outcome: String
    /// What the work printed, for the operator.
    public var log: String
    /// Another try would end the same way.
    public var isFinal: Bool

    public init(reason: String, outcome: String, log: String = "", isFinal: Bool = false) {
        self.reason = reason
        self.outcome = outcome
        self.log = log
        self.isFinal = isFinal
    }
}

/// A rendition of which segments were published while its job is in work.
public struct JobRendition: Sendable, Equatable {
    public var name: String
    /// Pictures, as opposed to sound and text.
    public var isVideo: Bool
    /// What a playlist needs to know of it; the queue only keeps it.
    public var info: String

    public init(name: String, isVideo: Bool, info: String) {
        self.name = name
        self.isVideo = isVideo
        self.info = info
    }
}

/// A segment that was published while its job is in work.
public struct JobSegment: Sendable, Equatable {
    public var rendition: String
    /// From 0 on in each rendition.
    public var number: Int
    /// The number of the part that made it.
    public var part: Int
    /// What a playlist needs to know of it; the queue only keeps it.
    public var info: String

    public init(rendition: String, number: Int, part: Int, info: String) {
        self.rendition = rendition
        self.number = number
        self.part = part
        self.info = info
    }
}

/// All that a job has published so far.
public struct JobPublication: Sendable, Equatable {
    /// False once the assembly has begun, or the job has ended: its playlists are no longer a growing video's.
    public var isGrowing: Bool
    public var renditions: [JobRendition]
    /// By rendition and number.
    public var segments: [JobSegment]
    /// The renditions that playlists name already.
    public var announced: [String]
    /// What the parts that are done have noted.
    public var notes: [String: String]

    public init(
        isGrowing: Bool, renditions: [JobRendition], segments: [JobSegment], announced: [String],
        notes: [String: String] = [:]
    ) {
        self.isGrowing = isGrowing
        self.renditions = renditions
        self.segments = segments
        self.announced = announced
        self.notes = notes
    }
}

/// What became of a heartbeat.
public enum HeartbeatResult: Sendable, Equatable {
    case extended
    /// The lease ran out and the part is another's, or the job was cancelled: stop work, publish nothing.
    case lost
}

/// What became of a failed try.
public enum FailureResult: Sendable, Equatable {
    /// The part goes back into the queue and is leased again, not before the given wall-clock milliseconds.
    case retryAt(Int64)
    /// No try is left, or the failure is final: the job is set aside and the video is FAILED.
    case setAside
    case lost
}

/// The queue of transcode jobs. A part whose lease ends without a heartbeat is leased to the next worker
/// that asks; when its tries are used up the job is set aside and its video turns FAILED.
public protocol JobQueue: Sendable {
    /// Adds a job for a video; a video has at most one open job, so a second call changes nothing.
    func enqueue(videoID: String) async throws(BackendError)

    /// The part that goes first of those that are due (`JobOrder`), or nil. `worker` names who holds it, for people.
    func lease(worker: String, durationMilliseconds: Int64) async throws(BackendError) -> JobLease?

    /// Returns as soon as there may be a part to lease, and after so many milliseconds in any case.
    func waitForWork(atMostMilliseconds: Int) async

    /// Proves that the worker lives: moves the end of the lease and stores the progress, which never goes back.
    func heartbeat(_ lease: JobLease, durationMilliseconds: Int64, progress: WorkProgress)
        async throws(BackendError) -> HeartbeatResult

    /// Notes what the part has put into the object store. What was noted before under the same name or number stays.
    /// False when the lease was lost.
    func note(_ lease: JobLease, renditions: [JobRendition], segments: [JobSegment]) async throws(BackendError) -> Bool

    /// The renditions that all parts of the job have noted.
    func renditions(_ lease: JobLease) async throws(BackendError) -> [JobRendition]

    /// The numbers of the segments of a rendition that all parts of the job have noted.
    func segmentNumbers(_ lease: JobLease, rendition: String) async throws(BackendError) -> Set<Int>

    /// What all parts of the job have noted; long for a long video.
    func publication(_ lease: JobLease) async throws(BackendError) -> JobPublication

    /// Notes that playlists name these renditions: the video can be played. False when the lease was lost.
    func announced(_ lease: JobLease, renditions: [String]) async throws(BackendError) -> Bool

    /// Ends the part; with the job's last part the video turns READY with what was published.
    func complete(_ lease: JobLease, outcome: PartOutcome) async throws(BackendError) -> CompletionResult

    /// Ends this try.
    func fail(_ lease: JobLease, _ failure: PartFailure) async throws(BackendError) -> FailureResult

    /// Gives the lease back without counting a try, for a graceful stop.
    func release(_ lease: JobLease) async throws(BackendError)

    /// Ends a video's open job: the video turns FAILED, and who works on it stops at the next heartbeat. False when
    /// there is none.
    func cancel(videoID: String) async throws(BackendError) -> Bool

    /// Takes up a video's job again that was set aside or cancelled; false when there is none.
    func restart(videoID: String) async throws(BackendError) -> Bool
}
