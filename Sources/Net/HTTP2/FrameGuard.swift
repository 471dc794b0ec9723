// SPDX-License-Identifier: Apache-2.0

/// A bucket of tokens that is filled up only when it has run empty, so that taking one is a subtraction. In any time
/// span it gives out at most its capacity twice and what came back meanwhile.
struct TokenBucket: Equatable {
    private var tokens: Int
    private var refilledMilliseconds: Int64

    init(capacity: Int, nowMilliseconds: Int64) {
        tokens = capacity
        refilledMilliseconds = nowMilliseconds
    }

    /// Takes one token. False when there is none; `perMinute` is the capacity and what comes back in a minute,
    /// `credit` is asked for what else has been earned since the last time it was asked.
    @inline(__always)
    mutating func take(perMinute: Int, nowMilliseconds: Int64, credit: () -> Int = { 0 }) -> Bool {
        tokens -= 1
        return tokens >= 0 || refill(perMinute, nowMilliseconds, credit())
    }

    private mutating func refill(_ perMinute: Int, _ now: Int64, _ credit: Int) -> Bool {
        let elapsed = max(0, min(60_000, now - refilledMilliseconds))
        let earned = Int(elapsed) * perMinute / 60_000
        tokens = min(perMinute, earned) + credit - 1
        // What a short time has not yet earned a whole token for is not lost.
        if earned > 0 { refilledMilliseconds = now }
        guard tokens < 0 else { return true }
        tokens = 0
        return false
    }
}

/// Counts the frames of one HTTP/2 connection by kind and says when a client is flooding. Pure: bytes and time in, a
/// verdict out. See `FrameLimits` for the rules.
struct FrameGuard {
    private enum FrameType {
        static let data: UInt8 = 0x0
        static let headers: UInt8 = 0x1
        static let priority: UInt8 = 0x2
        static let resetStream: UInt8 = 0x3
        static let settings: UInt8 = 0x4
        static let ping: UInt8 = 0x6
        static let goAway: UInt8 = 0x7
        static let windowUpdate: UInt8 = 0x8
        static let continuation: UInt8 = 0x9
        static let priorityUpdate: UInt8 = 0x10
    }

    private static let acknowledgement: UInt8 = 0x1
    private static let endStream: UInt8 = 0x1
    private static let endHeaders: UInt8 = 0x4
    /// Entries of one SETTINGS frame; there are about ten settings in all.
    private static let settingsEntriesMax = 32

    private let limits: FrameLimits
    private var scanner = FrameScanner()
    private var ledger = StreamLedger()
    /// What the client has done on streams that it may not use any more; the connection is to be closed for it.
    private(set) var violation: StreamLedger.Violation?
    private var pings: TokenBucket
    private var settings: TokenBucket
    private var priorities: TokenBucket
    private var resets: TokenBucket
    private var faults: TokenBucket
    private var emptyFrames: TokenBucket
    private var windowUpdates: TokenBucket
    private var continuations = 0
    private var lastWasHead = false
    private var isHeadOpen = false
    private var creditedBytes = 0
    /// True once the client has acknowledged a PING of ours.
    private(set) var hasSeenPingAcknowledgement = false

    init(limits: FrameLimits, nowMilliseconds now: Int64) {
        self.limits = limits
        pings = TokenBucket(capacity: limits.pingsPerMinute, nowMilliseconds: now)
        settings = TokenBucket(capacity: limits.settingsPerMinute, nowMilliseconds: now)
        priorities = TokenBucket(capacity: limits.prioritiesPerMinute, nowMilliseconds: now)
        resets = TokenBucket(capacity: limits.resetsPerMinute, nowMilliseconds: now)
        faults = TokenBucket(capacity: limits.faultsPerMinute, nowMilliseconds: now)
        emptyFrames = TokenBucket(capacity: limits.emptyFramesPerMinute, nowMilliseconds: now)
        windowUpdates = TokenBucket(capacity: limits.windowUpdatesPerMinute, nowMilliseconds: now)
    }

    /// Looks at bytes before the protocol engine does. Nil when they are within the limits. `sentBytes` is all that the
    /// connection has sent so far.
    @inline(__always)
    mutating func receive(_ input: UnsafeRawBufferPointer, nowMilliseconds now: Int64, sentBytes: Int) -> FloodKind? {
        var position = 0
        while let frame = scanner.next(input, at: &position) {
            if let found = ledger.take(frame) { violation = found }
            lastWasHead = frame.type == FrameType.headers
            if lastWasHead {
                isHeadOpen = frame.flags & Self.endHeaders == 0
                continuations = 0
            } else if let kind = count(frame, now, sentBytes) {
                return kind
            } else if frame.type == FrameType.priority, Self.dependsOnItself(frame, input, position) {
                violation = .misplaced
            }
        }
        return nil
    }

    /// RFC 7540 section 5.3.1, which old clients are still tested for. Looked at where the payload is there in one piece.
    private static func dependsOnItself(
        _ frame: FrameScanner.Header, _ input: UnsafeRawBufferPointer, _ position: Int
    ) -> Bool {
        guard frame.length == 5, input.count - position >= 4 else { return false }
        let parent = UInt32(bigEndian: input.loadUnaligned(fromByteOffset: position, as: UInt32.self))
        return parent & 0x7FFF_FFFF == frame.streamID
    }

    /// True while a request's head, or a trailer, has begun and not ended.
    var isInHead: Bool { isHeadOpen || (lastWasHead && scanner.isInPayload) }

    /// The engine had to reset a stream or to refuse a frame because of what the client sent.
    mutating func countFault(nowMilliseconds now: Int64) -> FloodKind? {
        faults.take(perMinute: limits.faultsPerMinute, nowMilliseconds: now) ? nil : .fault
    }

    private mutating func count(_ frame: FrameScanner.Header, _ now: Int64, _ sentBytes: Int) -> FloodKind? {
        switch frame.type {
        case FrameType.windowUpdate: return countWindowUpdate(now, sentBytes)
        case FrameType.data:
            guard frame.length == 0, frame.flags & Self.endStream == 0 else { return nil }
            return emptyFrames.take(perMinute: limits.emptyFramesPerMinute, nowMilliseconds: now) ? nil : .emptyFrame
        case FrameType.ping:
            if frame.flags & Self.acknowledgement != 0 { hasSeenPingAcknowledgement = true }
            return pings.take(perMinute: limits.pingsPerMinute, nowMilliseconds: now) ? nil : .ping
        case FrameType.settings:
            // One that is larger than any frame may be is refused by the engine.
            guard frame.length <= Self.settingsEntriesMax * 6 || frame.length > 16_384 else { return .settings }
            return settings.take(perMinute: limits.settingsPerMinute, nowMilliseconds: now) ? nil : .settings
        case FrameType.priority, FrameType.priorityUpdate:
            return priorities.take(perMinute: limits.prioritiesPerMinute, nowMilliseconds: now) ? nil : .priority
        case FrameType.resetStream:
            return resets.take(perMinute: limits.resetsPerMinute, nowMilliseconds: now) ? nil : .reset
        case FrameType.continuation:
            continuations += 1
            lastWasHead = true
            isHeadOpen = frame.flags & Self.endHeaders == 0
            return continuations <= limits.continuationsMax ? nil : .continuation
        case FrameType.goAway: return nil
        default:
            return emptyFrames.take(perMinute: limits.emptyFramesPerMinute, nowMilliseconds: now) ? nil : .emptyFrame
        }
    }

    private mutating func countWindowUpdate(_ now: Int64, _ sentBytes: Int) -> FloodKind? {
        let isWithin = windowUpdates.take(perMinute: limits.windowUpdatesPerMinute, nowMilliseconds: now) {
            let earned = (sentBytes - creditedBytes) / 1024
            creditedBytes = sentBytes
            return earned
        }
        return isWithin ? nil : .windowUpdate
    }
}
