// SPDX-License-Identifier: Apache-2.0

/// A video's latest job, for people and for the API.
public struct JobReport: Sendable, Equatable {
    /// One part of it.
    public struct Part: Sendable, Equatable {
        public var state: PartState
        /// Who held the last lease; empty before the first.
        public var worker: String
        /// Of its work, 0 to 1.
        public var fraction: Double
        /// Why the last try that failed did; empty for none.
        public var lastFailure: String
    }

    public var id: Int64
    public var phase: JobState.Phase
    public var createdMilliseconds: Int64
    /// The length of the video as far as the plan knows it; 0 before.
    public var videoSeconds: Double
    public var parts: [Part]
}

/// One lease of a part and how it ended.
public struct PartTry: Sendable, Equatable {
    public var part: Int
    public var kind: PartKind
    public var attempt: Int
    public var worker: String
    public var startedMilliseconds: Int64
    /// Nil while it is in work.
    public var endedMilliseconds: Int64?
    /// `done`, `released`, `silent`, or how the work failed; empty while it is in work.
    public var outcome: String
    /// For the uploader; empty unless it failed.
    public var reason: String
    /// What the work printed before it failed.
    public var log: String
}

/// How far a rendition of a video in work has come.
public struct RungProgress: Sendable, Equatable, Codable {
    public var name: String
    /// 0 to 100.
    public var percent: Double
    /// By the speed so far; nil while nothing is done.
    public var secondsLeft: Double?

    public init(name: String, percent: Double, secondsLeft: Double?) {
        self.name = name
        self.percent = percent
        self.secondsLeft = secondsLeft
    }
}

/// The queue in numbers, for metrics and for whoever starts workers by them.
public struct QueueFigures: Sendable, Equatable {
    /// Open parts by kind and phase.
    public var parts: [PartKind: [PartState.Phase: Int]] = [:]
    /// Parts that a worker would get now.
    public var due = 0
    public var leased = 0
    /// The age of the part that is due for longest.
    public var oldestMilliseconds: Int64 = 0
    /// Video that open jobs have still to make, in seconds; jobs without a plan are not in it.
    public var videoSecondsWaiting = 0.0
    /// Jobs by phase.
    public var jobs: [JobState.Phase: Int] = [:]
    /// What was counted since the database was made, by name.
    public var counters: [String: Int64] = [:]
}
