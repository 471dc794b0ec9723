// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LoadTests

@Suite struct ResponseReaderTests {
    /// Reads `bytes` in pieces of so many.
    private func read(_ bytes: [UInt8], pieces: Int) throws -> (body: [UInt8], events: [ResponseEvent]) {
        var reader = try #require(ResponseReader())
        var body: [UInt8] = []
        var events: [ResponseEvent] = []
        var offset = 0
        while offset < bytes.count {
            let piece = Array(bytes[offset..<min(bytes.count, offset + pieces)])
            piece.withUnsafeBytes { reader.consume($0, body: { body += Array($0) }, event: { events.append($0) }) }
            offset += piece.count
        }
        return (body, events)
    }

    /// The table's new size, as the client's SETTINGS want it (RFC 7541 section 4.2), and `:status: 200`.
    private let good: [UInt8] = [0x20, 0x88]
    /// The same with `:status: 503` as a literal with an indexed name.
    private let unavailable: [UInt8] = [0x20, 0x08, 0x03] + Array("503".utf8)

    @Test(arguments: [1, 2, 7, 1000]) func aResponseIsReadInAnyPieces(pieces: Int) throws {
        let bytes =
            HTTP2Frames.frame(.settings, flags: 0, stream: 0, [0, 3, 0, 0, 0, 9])
            + HTTP2Frames.frame(.headers, flags: HTTP2Frames.endHeaders, stream: 1, good)
            + HTTP2Frames.frame(.data, flags: 0, stream: 1, [1, 2, 3])
            + HTTP2Frames.frame(.ping, flags: 0, stream: 0, [8, 7, 6, 5, 4, 3, 2, 1])
            + HTTP2Frames.frame(.data, flags: HTTP2Frames.endStream, stream: 1, [4])
        let result = try read(bytes, pieces: pieces)
        #expect(result.body == [1, 2, 3, 4])
        #expect(result.events == [.settings, .status(200), .ping([8, 7, 6, 5, 4, 3, 2, 1]), .end])
    }

    @Test func theEndMayStandInAnEmptyFrameOrInTheHead() throws {
        let head = HTTP2Frames.frame(.headers, flags: HTTP2Frames.endHeaders, stream: 1, good)
        let empty = HTTP2Frames.frame(.data, flags: HTTP2Frames.endStream, stream: 1, [])
        #expect(try read(head + empty, pieces: 4).events == [.status(200), .end])
        let both = HTTP2Frames.endHeaders | HTTP2Frames.endStream
        let short = HTTP2Frames.frame(.headers, flags: both, stream: 1, unavailable)
        #expect(try read(short + short, pieces: 4).events == [.status(503), .end, .status(503), .end])
    }

    @Test func refusalsNameTheirCode() throws {
        let reset = HTTP2Frames.frame(.resetStream, flags: 0, stream: 1, [0, 0, 0, 7])
        let goAway = HTTP2Frames.frame(.goAway, flags: 0, stream: 0, [0, 0, 0, 1, 0, 0, 0, 11])
        #expect(try read(reset + goAway, pieces: 5).events == [.refused(code: 7), .refused(code: 11)])
        #expect(try read(HTTP2Frames.frame(.goAway, flags: 0, stream: 0, []), pieces: 5).events == [.refused(code: 0)])
    }

    @Test func whatIsNoHTTP2EndsTheReading() throws {
        #expect(try read(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), pieces: 3).events == [.malformed])
        let padded = HTTP2Frames.frame(.data, flags: HTTP2Frames.padded, stream: 1, [0])
        #expect(try read(padded + padded, pieces: 100).events == [.malformed])
        let index = HTTP2Frames.frame(.headers, flags: HTTP2Frames.endHeaders, stream: 1, [0xFF, 0xFF, 0x7F])
        #expect(try read(index + index, pieces: 100).events == [.malformed])
        let settings = HTTP2Frames.frame(.settings, flags: HTTP2Frames.acknowledged, stream: 0, [])
        #expect(try read(settings, pieces: 100).events.isEmpty)
    }

    @Test func moreIsAllowedOnTheStreamAndOnTheConnection() {
        let frames = HTTP2Frames.window(0x01_02_03, stream: 5)
        #expect(frames == [0, 0, 4, 8, 0, 0, 0, 0, 5, 0, 1, 2, 3] + [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 1, 2, 3])
    }

    @Test func aLongPathHasItsLengthInSeveralBytes() {
        let path = "/" + String(repeating: "a", count: 299)
        let frame = HTTP2Frames.get(stream: 3, authority: "a", path: path)
        let block = frame.dropFirst(HTTP2Frames.headerBytes)
        // 300 is 127 + 173, and 173 is 45 + 128 x 1 (RFC 7541 section 5.1).
        #expect(Array(block.prefix(9)) == [0x82, 0x87, 0x01, 1, UInt8(ascii: "a"), 0x04, 127, 0x80 | 45, 1])
        #expect(block.count == 9 + 300)
        #expect(Array(frame.prefix(9)) == [0, 1, 53, 1, 5, 0, 0, 0, 3])
    }
}
