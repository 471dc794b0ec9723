// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What decides which of several parts that are due is given out first.
public struct PartCandidate: Sendable, Equatable {
    public var jobID: Int64
    public var number: Int
    public var kind: PartKind
    /// Wall-clock milliseconds since which it is due.
    public var dueMilliseconds: Int64
    /// The length of the video; 0 while it is not known.
    public var videoSeconds: Double
    public var views: Int64
    /// The time that workers have spent on parts of the same owner lately.
    public var servedMilliseconds: Int64

    public init(
        jobID: Int64, number: Int, kind: PartKind, dueMilliseconds: Int64, videoSeconds: Double = 0, views: Int64 = 0,
        servedMilliseconds: Int64 = 0
    ) {
        self.jobID = jobID
        self.number = number
        self.kind = kind
        self.dueMilliseconds = dueMilliseconds
        self.videoSeconds = videoSeconds
        self.views = views
        self.servedMilliseconds = servedMilliseconds
    }
}

/// The order in which parts are given out.
///
/// Every part has a rank on the time line: when it became due, plus what lets it stand back and less what pushes it.
/// The lowest goes first. All of these are bounded, so a part that has waited longer than their sum, seven hours,
/// goes before everything that comes later: nobody starves.
public enum JobOrder {
    /// What makes a video playable, and what ends a job, goes before everything else of any video.
    static let bulkMilliseconds: Int64 = 4 * 3_600_000
    /// Short before long: a video stands back a quarter of its length, up to half an hour.
    static let lengthShare = 0.25
    static let lengthMillisecondsMax = 1_800_000.0
    /// Popular before unpopular: each doubling of the views is worth half a minute, up to ten.
    static let viewsMilliseconds = 30_000.0
    static let viewsMillisecondsMax = 600_000.0
    /// Fair between owners: who was served stands back four times as long, up to two hours. With one owner that adds the
    /// same to all; with two, the one that got less is next.
    static let servedFactor: Int64 = 4
    static let servedMillisecondsMax: Int64 = 7_200_000
    /// Work for an owner counts for so long.
    public static let servedWindowMilliseconds: Int64 = 3_600_000

    /// The candidate that goes first; nil for none.
    public static func first(_ candidates: [PartCandidate]) -> PartCandidate? {
        candidates.min { (rank($0), $0.jobID, $0.number) < (rank($1), $1.jobID, $1.number) }
    }

    /// Wall-clock milliseconds; lower goes first.
    static func rank(_ part: PartCandidate) -> Int64 {
        var rank = part.dueMilliseconds
        switch part.kind {
        case .plan, .whole, .head, .assembly: break
        case .sound, .chunk, .soundEnd, .pictures: rank += bulkMilliseconds
        }
        rank += Int64(min(max(0, part.videoSeconds) * 1000 * lengthShare, lengthMillisecondsMax))
        rank -= Int64(min(log2(Double(max(0, part.views)) + 1) * viewsMilliseconds, viewsMillisecondsMax))
        rank += min(max(0, part.servedMilliseconds), servedMillisecondsMax / servedFactor) * servedFactor
        return rank
    }
}
