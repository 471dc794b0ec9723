// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

@Suite struct StreamLedgerTests {
    /// `type flags stream`: the verdict of each frame in turn.
    private func verdicts(_ frames: [(type: UInt8, flags: UInt8, stream: UInt32)]) -> [StreamLedger.Violation?] {
        var ledger = StreamLedger()
        return frames.map {
            ledger.take(FrameScanner.Header(type: $0.type, flags: $0.flags, length: 0, streamID: $0.stream))
        }
    }

    private let data: UInt8 = 0
    private let headers: UInt8 = 1
    private let priority: UInt8 = 2
    private let reset: UInt8 = 3
    private let continuation: UInt8 = 9
    /// END_STREAM and END_HEADERS.
    private let last: UInt8 = 5
    private let open: UInt8 = 4

    @Test func contentAndTrailersBelongToAStreamUntilItsEnd() {
        #expect(
            verdicts([
                (headers, open, 1), (data, 0, 1), (headers, last, 3), (data, 0, 1), (headers, last, 1), (data, 0, 1),
            ]) == [nil, nil, nil, nil, nil, .streamClosed])
    }

    @Test func nothingFollowsTheEndOrAReset() {
        #expect(verdicts([(headers, last, 1), (headers, last, 1)]).last == .streamClosed)
        #expect(verdicts([(headers, last, 1), (data, 1, 1)]).last == .streamClosed)
        #expect(verdicts([(headers, open, 1), (reset, 0, 1), (data, 0, 1)]).last == .streamClosed)
        #expect(verdicts([(headers, open, 1), (reset, 0, 1), (reset, 0, 1)]) == [nil, nil, nil])
        #expect(verdicts([(headers, open, 1), (data, 1, 1), (reset, 0, 1)]) == [nil, nil, nil])
    }

    @Test func aLowerStreamThatWasLeftOutIsMisplaced() {
        #expect(verdicts([(headers, last, 5), (headers, last, 3)]) == [nil, .misplaced])
        #expect(verdicts([(headers, last, 1), (headers, last, 301), (headers, last, 299)]) == [nil, nil, .misplaced])
        #expect(verdicts([(headers, last, 1), (headers, last, 301), (headers, last, 1)]).last == .streamClosed)
        #expect(verdicts([(priority, 0, 0)]) == [.misplaced])
    }

    /// What nghttp2 finds is left to it: idle and even streams, frames inside a block.
    @Test func theRestIsNotJudged() {
        #expect(
            verdicts([(data, 1, 1), (headers, last, 2), (headers, last, 0), (data, 1, 0)]) == [nil, nil, nil, nil])
        #expect(
            verdicts([(headers, 1, 1), (data, 0, 1), (headers, last, 1), (priority, 0, 0)]) == [nil, nil, nil, nil])
        #expect(verdicts([(headers, 1, 1), (continuation, 4, 1), (data, 0, 1)]) == [nil, nil, .streamClosed])
    }

    @Test func oldStreamsAreForgottenRatherThanBlamed() {
        var frames = (0..<300).map { (type: headers, flags: open, stream: UInt32(2 * $0 + 1)) }
        frames.append((data, 0, 1))
        frames.append((data, 0, 599))
        #expect(verdicts(frames).allSatisfy { $0 == nil })
    }
}
