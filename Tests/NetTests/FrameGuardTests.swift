// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

/// Frames as a client would send them.
private func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, payload: Int = 0) -> [UInt8] {
    [UInt8(payload >> 16), UInt8(payload >> 8 & 255), UInt8(payload & 255), type, flags]
        + (0..<4).map { UInt8(stream >> (24 - 8 * UInt32($0)) & 255) } + Array(repeating: 0xAA, count: payload)
}

private let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

private func headers(in bytes: [UInt8], piece: Int) -> [FrameScanner.Header] {
    var scanner = FrameScanner()
    var found: [FrameScanner.Header] = []
    for start in stride(from: 0, to: bytes.count, by: piece) {
        let part = Array(bytes[start..<min(start + piece, bytes.count)])
        part.withUnsafeBytes { view in
            var position = 0
            while let header = scanner.next(view, at: &position) { found.append(header) }
            #expect(position == view.count)
        }
    }
    return found
}

@Suite struct FrameScannerTests {
    @Test func anySplitGivesTheSameFrames() {
        let bytes =
            preface + frame(4, payload: 18) + frame(1, flags: 5, stream: 1, payload: 300) + frame(6, payload: 8)
            + frame(0x77, flags: 255, stream: 0x7FFF_FFFF) + frame(0, stream: 3, payload: 20_000) + frame(8, payload: 4)
        let whole = headers(in: bytes, piece: bytes.count)
        #expect(whole.map(\.type) == [4, 1, 6, 0x77, 0, 8])
        #expect(whole.map(\.length) == [18, 300, 8, 0, 20_000, 4])
        #expect(whole.map(\.streamID) == [0, 1, 0, 0x7FFF_FFFF, 3, 0])
        #expect(whole.map(\.flags) == [0, 5, 0, 255, 0, 0])
        for piece in [1, 2, 3, 5, 7, 8, 9, 10, 23, 24, 25, 31, 1000] {
            #expect(headers(in: bytes, piece: piece) == whole)
        }
    }

    @Test func theReservedBitIsNotPartOfTheStream() {
        var bytes = frame(8, stream: 5, payload: 4)
        bytes[5] |= 0x80
        #expect(headers(in: preface + bytes, piece: 100).first?.streamID == 5)
    }
}

@Suite struct TokenBucketTests {
    @Test func theBurstComesFirstThenTheRate() {
        var bucket = TokenBucket(capacity: 60, nowMilliseconds: 1000)
        for _ in 0..<60 { #expect(take(&bucket, perMinute: 60, nowMilliseconds: 1000)) }
        #expect(!take(&bucket, perMinute: 60, nowMilliseconds: 1999))
        #expect(take(&bucket, perMinute: 60, nowMilliseconds: 2000))
        #expect(!take(&bucket, perMinute: 60, nowMilliseconds: 2001))
        // A client that tries in vain again and again loses nothing of what it earns.
        for now in stride(from: Int64(2002), to: 2999, by: 10) {
            #expect(!take(&bucket, perMinute: 60, nowMilliseconds: now))
        }
        #expect(take(&bucket, perMinute: 60, nowMilliseconds: 3000))
    }

    @Test func aLongPauseEarnsNoMoreThanTheBurst() {
        var bucket = TokenBucket(capacity: 10, nowMilliseconds: 0)
        for _ in 0..<10 { #expect(take(&bucket, perMinute: 10, nowMilliseconds: 0)) }
        let later: Int64 = 86_400_000
        for _ in 0..<10 { #expect(take(&bucket, perMinute: 10, nowMilliseconds: later)) }
        #expect(!take(&bucket, perMinute: 10, nowMilliseconds: later))
    }

    @Test func creditIsAskedForOnlyWhenNothingIsLeft() {
        var bucket = TokenBucket(capacity: 1, nowMilliseconds: 0)
        #expect(take(&bucket, perMinute: 1, nowMilliseconds: 0, credit: { fatalCredit() }))
        for _ in 0..<5 {
            #expect(take(&bucket, perMinute: 1, nowMilliseconds: 0, credit: { 1 }))
        }
        #expect(!take(&bucket, perMinute: 1, nowMilliseconds: 0, credit: { 0 }))
    }

    private func take(
        _ bucket: inout TokenBucket, perMinute: Int, nowMilliseconds: Int64, credit: () -> Int = { 0 }
    ) -> Bool {
        bucket.take(perMinute: perMinute, nowMilliseconds: nowMilliseconds, credit: credit)
    }

    private func fatalCredit() -> Int {
        Issue.record("credit was asked for while there were tokens")
        return 0
    }
}

@Suite struct FrameGuardTests {
    /// How many times `frame` is taken before the guard says stop; 5000 at most.
    private func taken(_ frame: [UInt8], _ limits: FrameLimits = FrameLimits(), sentEach: Int = 0) -> (Int, FloodKind?)
    {
        var frames = FrameGuard(limits: limits, nowMilliseconds: 0)
        _ = preface.withUnsafeBytes { frames.receive($0, nowMilliseconds: 0, sentBytes: 0) }
        for count in 0..<5000 {
            let kind = frame.withUnsafeBytes {
                frames.receive($0, nowMilliseconds: 0, sentBytes: count * sentEach)
            }
            if let kind { return (count, kind) }
        }
        return (5000, nil)
    }

    @Test func eachKindHasItsLimit() {
        let limits = FrameLimits()
        #expect(taken(frame(6, payload: 8)) == (limits.pingsPerMinute, .ping))
        #expect(taken(frame(6, flags: 1, payload: 8)) == (limits.pingsPerMinute, .ping))
        #expect(taken(frame(4)) == (limits.settingsPerMinute, .settings))
        #expect(taken(frame(2, stream: 1, payload: 5)) == (limits.prioritiesPerMinute, .priority))
        #expect(taken(frame(0x10, payload: 9)) == (limits.prioritiesPerMinute, .priority))
        #expect(taken(frame(3, stream: 1, payload: 4)) == (limits.resetsPerMinute, .reset))
        #expect(taken(frame(0, stream: 1)) == (limits.emptyFramesPerMinute, .emptyFrame))
        #expect(taken(frame(0x77, stream: 1, payload: 100)) == (limits.emptyFramesPerMinute, .emptyFrame))
        #expect(taken(frame(8, payload: 4)) == (limits.windowUpdatesPerMinute, .windowUpdate))
        #expect(taken(frame(9, stream: 1, payload: 1)) == (limits.continuationsMax, .continuation))
    }

    @Test func whatIsNoFloodIsTakenWithoutEnd() {
        #expect(taken(frame(0, stream: 1, payload: 1)).1 == nil)
        #expect(taken(frame(0, flags: 1, stream: 1)).1 == nil)
        #expect(taken(frame(1, flags: 5, stream: 1, payload: 20)).1 == nil)
        // A client that reads quickly sends a WINDOW_UPDATE for each KiB.
        #expect(taken(frame(8, payload: 4), sentEach: 1024).1 == nil)
    }

    @Test func aSettingsFrameWithTooManyEntriesIsAFlood() {
        #expect(taken(frame(4, payload: 32 * 6)).0 == FrameLimits().settingsPerMinute)
        #expect(taken(frame(4, payload: 33 * 6)) == (0, .settings))
    }

    @Test func continuationsAreCountedForEachHead() {
        let head = frame(1, stream: 1, payload: 1) + (0..<8).flatMap { _ in frame(9, stream: 1, payload: 1) }
        #expect(taken(head).1 == nil)
        #expect(taken(head + frame(9, stream: 1, payload: 1)) == (0, .continuation))
    }

    @Test func aHeadIsOpenUntilItsLastByte() {
        var frames = FrameGuard(limits: FrameLimits(), nowMilliseconds: 0)
        func feed(_ bytes: [UInt8]) -> Bool {
            _ = bytes.withUnsafeBytes { frames.receive($0, nowMilliseconds: 0, sentBytes: 0) }
            return frames.isInHead
        }
        #expect(!feed(preface + frame(4)))
        let whole = frame(1, flags: 4, stream: 1, payload: 10)
        #expect(feed(Array(whole[..<12])))
        #expect(!feed(Array(whole[12...])))
        #expect(feed(frame(1, stream: 3, payload: 10)))
        #expect(feed(frame(9, stream: 3, payload: 10)))
        #expect(!feed(frame(9, flags: 4, stream: 3, payload: 10)))
        #expect(!feed(Array(frame(0, stream: 3, payload: 10)[..<12])))
    }

    @Test func faultsAndTheAcknowledgedPingAreSeen() {
        var frames = FrameGuard(limits: FrameLimits(), nowMilliseconds: 0)
        for _ in 0..<FrameLimits().faultsPerMinute {
            let kind = frames.countFault(nowMilliseconds: 0)
            #expect(kind == nil)
        }
        let kind = frames.countFault(nowMilliseconds: 0)
        #expect(kind == .fault)
        let bytes = preface + frame(6, payload: 8)
        _ = bytes.withUnsafeBytes { frames.receive($0, nowMilliseconds: 0, sentBytes: 0) }
        #expect(!frames.hasSeenPingAcknowledgement)
        let answer = frame(6, flags: 1, payload: 8)
        _ = answer.withUnsafeBytes { frames.receive($0, nowMilliseconds: 0, sentBytes: 0) }
        #expect(frames.hasSeenPingAcknowledgement)
    }
}
