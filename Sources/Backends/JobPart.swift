// SPDX-License-Identifier: Apache-2.0

/// The kinds of work that a video's job is made of. The names are stored.
public enum PartKind: String, Sendable, Codable, CaseIterable {
    /// Looks at the file and says which further parts there are.
    case plan
    /// All media of a short video, in one go.
    case whole
    /// The first segments of the smallest renditions: when they are published the video can be played.
    case head
    /// The sound as far as it is certain while the length of the pictures is not known.
    case sound
    /// Some segments of every rendition.
    case chunk
    /// The rest of the sound; needs the length of the pictures.
    case soundEnd
    /// Poster, sprites, preview.
    case pictures
    /// Checks what was published and writes the final playlists; the job's end.
    case assembly

    /// A part is given out when every part of its job of these kinds is done.
    var follows: Set<PartKind> {
        switch self {
        case .plan: []
        case .whole, .head: [.plan]
        case .sound, .chunk, .pictures: [.plan, .head]
        case .soundEnd: [.plan, .head, .sound, .chunk]
        case .assembly: Set(Self.allCases).subtracting([.assembly])
        }
    }
}

/// A part as it is added to a job.
public struct PartSpec: Sendable, Equatable {
    public var kind: PartKind
    /// What the worker makes of it; the queue only keeps it.
    public var work: String
    /// How much work it is beside the job's other parts, in any unit.
    public var weight: Double

    public init(kind: PartKind, work: String = "", weight: Double) {
        self.kind = kind
        self.work = work
        self.weight = weight
    }
}

/// Where one part stands.
///
///     waiting --what it follows is done--> queued --lease--> leased --complete--> done
///                                             ^                | | fail (a try is left), release, lease ended
///                                             +----------------+ +--fail (final or no try left)--> setAside
public struct PartState: Sendable, Equatable {
    public enum Phase: String, Sendable, CaseIterable {
        case waiting, queued, leased, done, setAside
    }

    /// Its place in the job, from 0 on; parts with a lower one go first.
    public let number: Int
    public let kind: PartKind
    public var phase: Phase
    /// Counts every lease that was ever given, so that a call of an earlier holder is recognised and refused.
    public var attempt: Int
    /// Counts the leases that used up a try; a released lease is not among them.
    public var tries: Int
    /// Wall-clock milliseconds before which a queued part is not given out; it waits since then.
    public var dueMilliseconds: Int64
    /// Wall-clock milliseconds at which a leased part's lease ends.
    public var leaseEndsMilliseconds: Int64

    public init(
        number: Int, kind: PartKind, phase: Phase = .waiting, attempt: Int = 0, tries: Int = 0,
        dueMilliseconds: Int64 = 0, leaseEndsMilliseconds: Int64 = 0
    ) {
        self.number = number
        self.kind = kind
        self.phase = phase
        self.attempt = attempt
        self.tries = tries
        self.dueMilliseconds = dueMilliseconds
        self.leaseEndsMilliseconds = leaseEndsMilliseconds
    }
}

/// Where one job stands. `JobRules` changes it; the database only stores it.
public struct JobState: Sendable, Equatable {
    public enum Phase: String, Sendable, CaseIterable {
        /// Parts wait or are in work.
        case open
        case done
        /// A part can not be done; its tries and their logs are kept.
        case setAside
        case cancelled
    }

    public var phase: Phase
    /// In the order of their numbers, which are their indexes.
    public var parts: [PartState]

    /// A new job: its plan is due at once.
    public init(nowMilliseconds: Int64) {
        self.init(
            phase: .open,
            parts: [PartState(number: 0, kind: .plan, phase: .queued, dueMilliseconds: nowMilliseconds)])
    }

    public init(phase: Phase, parts: [PartState]) {
        self.phase = phase
        self.parts = parts
    }
}
