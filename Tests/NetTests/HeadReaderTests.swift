// SPDX-License-Identifier: Apache-2.0

import CNGHTTP2
import Testing

@testable import Net

private let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

private enum Flag {
    static let endStream: UInt8 = 0x1
    static let endHeaders: UInt8 = 0x4
    static let padded: UInt8 = 0x8
    static let prioritised: UInt8 = 0x20
}

private func frame(_ type: UInt8, _ flags: UInt8, stream: UInt8 = 0, _ payload: [UInt8] = []) -> [UInt8] {
    [
        UInt8(payload.count >> 16), UInt8(payload.count >> 8 & 255), UInt8(payload.count & 255), type, flags, 0, 0, 0,
        stream,
    ]
        + payload
}

private func headers(_ flags: UInt8, stream: UInt8 = 1, _ payload: [UInt8]) -> [UInt8] {
    frame(1, flags, stream: stream, payload)
}

private func continuation(_ flags: UInt8, stream: UInt8 = 1, _ payload: [UInt8]) -> [UInt8] {
    frame(9, flags, stream: stream, payload)
}

@Suite struct HeadReaderTests {
    /// What comes out for an input that arrives in the given pieces, and the blocks in their order.
    private struct Outcome: Equatable {
        var passed: [UInt8] = []
        var blocks: [[UInt8]] = []
        var error: nghttp2_error_code.RawValue?
        var isTooLong = false
    }

    private func read(_ pieces: [[UInt8]]) -> Outcome {
        let pool = BufferPool(bufferBytes: HeaderDecoder.blockBytesMax, keepMax: 1)
        var reader = HeadReader()
        var outcome = Outcome()
        for piece in pieces where outcome.error == nil && !outcome.isTooLong {
            piece.withUnsafeBytes { input in
                var position = 0
                while true {
                    switch reader.next(input, at: &position, pool) {
                    case .frames(let bytes): outcome.passed += bytes
                    case .header(let frame): outcome.passed += frame.withBytes { Array($0) }
                    case .head(let frame, let block):
                        outcome.blocks.append(Array(block))
                        outcome.passed += frame.withBytes { Array($0) }
                    case .end:
                        #expect(position == input.count)
                        return
                    case .broken(let code):
                        outcome.error = code.rawValue
                        return
                    case .tooLong:
                        outcome.isTooLong = true
                        return
                    }
                }
            }
        }
        reader.free(pool)
        #expect(pool.bytesOut == 0)
        return outcome
    }

    private let settings = frame(4, 0, [0, 3, 0, 0, 0, 100])
    private let ping = frame(6, 0, [1, 2, 3, 4, 5, 6, 7, 8])
    private let data = frame(0, 0, stream: 1, [UInt8](repeating: 7, count: 30))

    /// Every kind of head between other frames, and what nghttp2 is to see of it.
    private var input: [UInt8] {
        preface + settings + headers(Flag.endStream | Flag.endHeaders, [1, 2, 3]) + ping
            + headers(Flag.endHeaders | Flag.padded, stream: 3, [2, 4, 5, 0, 0]) + data
            + headers(Flag.endHeaders | Flag.prioritised, stream: 5, [0, 0, 0, 3, 9, 6])
            + headers(Flag.endStream | Flag.padded | Flag.prioritised, stream: 7, [1, 0x80, 0, 0, 3, 9, 7, 8, 0])
            + continuation(0, stream: 7, []) + continuation(0, stream: 7, [9, 10])
            + continuation(Flag.endHeaders, stream: 7, [11]) + headers(Flag.endHeaders, stream: 9, []) + ping
    }

    private var expected: Outcome {
        let passed =
            preface + settings + headers(Flag.endStream | Flag.endHeaders, []) + ping
            + headers(Flag.endHeaders, stream: 3, []) + data
            + headers(Flag.endHeaders | Flag.prioritised, stream: 5, [0, 0, 0, 3, 9])
            + headers(Flag.endStream | Flag.endHeaders | Flag.prioritised, stream: 7, [0x80, 0, 0, 3, 9])
            + headers(Flag.endHeaders, stream: 9, []) + ping
        return Outcome(passed: passed, blocks: [[1, 2, 3], [4, 5], [6], [7, 8, 9, 10, 11], []])
    }

    @Test func headsComeOutEmptyAndInTheirPlaces() {
        #expect(read([input]) == expected)
    }

    @Test func anySplitGivesTheSame() {
        for first in 1..<input.count {
            #expect(read([Array(input[..<first]), Array(input[first...])]) == expected, "split at \(first)")
            let second = (first + 11) % input.count
            let (low, high) = (min(first, second), max(first, second))
            #expect(read([Array(input[..<low]), Array(input[low..<high]), Array(input[high...])]) == expected)
        }
        #expect(read(input.map { [$0] }) == expected)
    }

    @Test(
        arguments: [
            // A frame of another kind, or of another stream, before the head has ended; one that is too large.
            (headers(0, [1]) + frame(6, 0, [UInt8](repeating: 0, count: 8)), NGHTTP2_PROTOCOL_ERROR),
            (headers(0, [1]) + headers(Flag.endHeaders, [2]), NGHTTP2_PROTOCOL_ERROR),
            (headers(0, [1]) + continuation(Flag.endHeaders, stream: 3, [2]), NGHTTP2_PROTOCOL_ERROR),
            (headers(0, [1]) + continuation(0, [UInt8](repeating: 0, count: 16_385)), NGHTTP2_FRAME_SIZE_ERROR),
            // More padding than there is, and too few bytes for what the flags tell of.
            (headers(Flag.endHeaders | Flag.padded, [2, 1]), NGHTTP2_PROTOCOL_ERROR),
            (headers(Flag.padded, [9, 1]), NGHTTP2_PROTOCOL_ERROR),
            (headers(Flag.endHeaders | Flag.padded, []), NGHTTP2_FRAME_SIZE_ERROR),
            (headers(Flag.endHeaders | Flag.prioritised, [0, 0, 0, 0]), NGHTTP2_FRAME_SIZE_ERROR),
        ] as [([UInt8], nghttp2_error_code)])
    func whatIsNoHeadIsAConnectionError(frames: [UInt8], code: nghttp2_error_code) {
        #expect(read([preface + frames]).error == code.rawValue)
        #expect(read((preface + frames).map { [$0] }).error == code.rawValue)
        #expect(read([preface + frames]).blocks.isEmpty)
    }

    /// nghttp2 refuses these.
    @Test func aHeadersFrameThatIsTooLargeGoesOnAsItCame() {
        let large = preface + headers(Flag.endHeaders, [UInt8](repeating: 0x82, count: 16_385))
        #expect(read([large]) == Outcome(passed: large))
        let stray = preface + continuation(Flag.endHeaders, [0x82])
        #expect(read([stray]) == Outcome(passed: stray))
    }

    @Test func aBlockIsBounded() {
        let piece = [UInt8](repeating: 0x82, count: 16_384)
        let start = preface + headers(0, piece) + continuation(0, piece) + continuation(0, piece)
        let whole = read([start + continuation(Flag.endHeaders, piece)])
        #expect(whole.blocks == [piece + piece + piece + piece])
        #expect(read([start + continuation(0, piece) + continuation(Flag.endHeaders, [])]).blocks == whole.blocks)
        #expect(read([start + continuation(0, piece) + continuation(Flag.endHeaders, [1])]).isTooLong)
    }
}
