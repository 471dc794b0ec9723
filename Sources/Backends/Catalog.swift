// SPDX-License-Identifier: Apache-2.0

/// The life of a video: `UPLOADING -> PROCESSING -> READY | FAILED`.
public enum VideoStatus: String, Sendable, Codable, CaseIterable {
    case uploading = "UPLOADING"
    case processing = "PROCESSING"
    case ready = "READY"
    case failed = "FAILED"
}

/// One video as the catalog keeps it.
public struct Video: Sendable, Equatable {
    /// 22 letters and digits, random, safe in a URL.
    public var id: String
    public var title: String
    public var description: String
    public var status: VideoStatus
    /// 0 to 100 while PROCESSING.
    public var progressPercent: Double
    /// Why a FAILED video failed, for its uploader; empty otherwise.
    public var failureReason: String
    /// Of the READY video; 0 before.
    public var durationMilliseconds: Int64
    /// Of the source, after rotation; 0 before it is known, and for audio.
    public var width: Int
    public var height: Int
    public var createdMilliseconds: Int64
    public var updatedMilliseconds: Int64
    /// There is something to play: READY, or PROCESSING with its first segments published.
    public var isPlayable: Bool
    /// Of the work, by the speed so far; nil while it is not known, and unless PROCESSING.
    public var secondsLeft: Double?
    /// How far each rendition is while PROCESSING, the smallest first.
    public var rungs: [RungProgress]

    public init(
        id: String, title: String, description: String, status: VideoStatus, progressPercent: Double,
        failureReason: String, durationMilliseconds: Int64, width: Int, height: Int, createdMilliseconds: Int64,
        updatedMilliseconds: Int64, isPlayable: Bool = false, secondsLeft: Double? = nil, rungs: [RungProgress] = []
    ) {
        self.id = id
        self.title = title
        self.description = description
        self.status = status
        self.progressPercent = progressPercent
        self.failureReason = failureReason
        self.durationMilliseconds = durationMilliseconds
        self.width = width
        self.height = height
        self.createdMilliseconds = createdMilliseconds
        self.updatedMilliseconds = updatedMilliseconds
        self.isPlayable = isPlayable
        self.secondsLeft = secondsLeft
        self.rungs = rungs
    }
}

/// One published media file of a video, as the table `video_segments` keeps it.
public struct PublishedSegment: Sendable, Equatable, Codable {
    /// `480p`, `audio`, …
    public var rendition: String
    /// Counts from 0 in each rendition.
    public var index: Int
    public var durationMilliseconds: Int64
    public var bytes: Int64
    /// The object's key in the bucket `media`.
    public var key: String

    public init(rendition: String, index: Int, durationMilliseconds: Int64, bytes: Int64, key: String) {
        self.rendition = rendition
        self.index = index
        self.durationMilliseconds = durationMilliseconds
        self.bytes = bytes
        self.key = key
    }
}

/// What a finished transcode job publishes.
public struct TranscodeResult: Sendable, Equatable {
    public var durationMilliseconds: Int64
    public var width: Int
    public var height: Int
    public var segments: [PublishedSegment]

    public init(durationMilliseconds: Int64, width: Int, height: Int, segments: [PublishedSegment]) {
        self.durationMilliseconds = durationMilliseconds
        self.width = width
        self.height = height
        self.segments = segments
    }
}

/// Why a catalog or a queue could not do what it was asked.
public enum BackendError: Error, Sendable, Equatable {
    case notFound
    /// The change does not fit the present state; the text says why, for the caller.
    case conflict(String)
    /// The database failed; the text is for the operator.
    case unavailable(String)
}

/// A place in the list of videos: behind the video with this creation time and identifier.
public struct VideoCursor: Sendable, Equatable {
    public var createdMilliseconds: Int64
    public var id: String

    public init(createdMilliseconds: Int64, id: String) {
        self.createdMilliseconds = createdMilliseconds
        self.id = id
    }
}

/// What viewers did with a video.
public struct VideoStats: Sendable, Equatable {
    public var views: Int64
    public var lastViewedMilliseconds: Int64

    public init(views: Int64, lastViewedMilliseconds: Int64) {
        self.views = views
        self.lastViewedMilliseconds = lastViewedMilliseconds
    }
}

/// The videos, what was published of them and what viewers did. The status of a video is changed by the `JobQueue` only.
public protocol Catalog: Sendable {
    /// Adds a video in status UPLOADING under a new random identifier. The videos of one owner share what the workers
    /// give to an owner; an empty owner is the video itself.
    func createVideo(title: String, description: String, owner: String) async throws(BackendError) -> Video

    /// Throws `notFound`.
    func video(id: String) async throws(BackendError) -> Video

    /// The videos among `ids` that exist, in no particular order.
    func videos(ids: [String]) async throws(BackendError) -> [Video]

    /// Up to `limit` videos, newest first, of one status or all, behind the cursor or from the start.
    func videos(status: VideoStatus?, after cursor: VideoCursor?, limit: Int) async throws(BackendError) -> [Video]

    /// Changes what is not nil. Throws `notFound`.
    func updateVideo(id: String, title: String?, description: String?) async throws(BackendError) -> Video

    /// Removes a video with its segments, history, statistics and job, and has caches forget it a while later, when its
    /// objects should be gone; false when there is none.
    func deleteVideo(id: String) async throws(BackendError) -> Bool

    /// Has caches forget a video now: its objects have changed, or are gone.
    func purgeVideo(id: String) async throws(BackendError)

    /// The names of the video renditions of each video that its playlist names, the smallest first.
    func renditions(ids: [String]) async throws(BackendError) -> [String: [String]]

    /// Everything that was published of a video, by rendition and index.
    func segments(videoID: String) async throws(BackendError) -> [PublishedSegment]

    /// Remembers how far a session watched, and counts a view when it is the session's first report of this video or
    /// its first after `newViewMilliseconds` of silence. Throws `notFound`.
    func recordWatch(videoID: String, session: String, positionMilliseconds: Int64, newViewMilliseconds: Int64)
        async throws(BackendError)

    /// How far a session watched; nil when it never did.
    func watchPosition(videoID: String, session: String) async throws(BackendError) -> Int64?

    /// Zeros for a video that nobody watched.
    func stats(videoID: String) async throws(BackendError) -> VideoStats

    /// Up to `limit` videos that are still UPLOADING and were created before the given time, the oldest first.
    func abandonedUploads(createdBefore milliseconds: Int64, limit: Int) async throws(BackendError) -> [String]

    /// Forgets up to `limit` positions that were last reported before the given time; returns how many. Views stay.
    func forgetPositions(updatedBefore milliseconds: Int64, limit: Int) async throws(BackendError) -> Int

    /// How many videos there are of each status.
    func countsByStatus() async throws(BackendError) -> [VideoStatus: Int]
}

extension Catalog {
    /// Adds a video that is its own owner.
    public func createVideo(title: String, description: String) async throws(BackendError) -> Video {
        try await createVideo(title: title, description: description, owner: "")
    }
}
