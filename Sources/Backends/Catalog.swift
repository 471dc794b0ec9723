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

    public init(
        id: String, title: String, description: String, status: VideoStatus, progressPercent: Double,
        failureReason: String, durationMilliseconds: Int64, width: Int, height: Int, createdMilliseconds: Int64,
        updatedMilliseconds: Int64
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
