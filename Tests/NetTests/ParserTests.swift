// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

private func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try Array(text.utf8).withUnsafeBytes(body)
}

/// A seeded generator (SplitMix64, Steele et al. 2014), so that failures repeat.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

@Suite struct UpstreamResponseTests {
    @Test func aHeadIsReadAndHopByHopFieldsAreDropped() throws {
        let text =
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive\r\n\r\n"
        let response = try #require(withBytes(text) { UpstreamResponse.parse($0) })
        #expect(response.status == 200)
        #expect(response.contentLength == 5)
        #expect(response.keepsAlive)
        #expect(response.fields.map { String(decoding: $0.name, as: UTF8.self) } == ["etag"])
        #expect(response.first("etag") == Array("\"a\"".utf8))
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 99 Low\r\n\r\n", "HTTP/1.1 600 High\r\n\r\n", "HTTP/3.0 200 OK\r\n\r\n", "200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\nA: b\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 5\r\nContent-Length: 6\r\n\r\n", "HTTP/1.1200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\u{0}\r\n\r\n", "HTTP/1.1 200 OK\r\nA B: c\r\n\r\n",
    ]) func malformedHeadsAreRefused(text: String) {
        #expect(withBytes(text) { UpstreamResponse.parse($0) } == nil)
    }
}

@Suite struct UpstreamConnectionFieldTests {
    private func names(_ text: String) throws -> [String] {
        let response = try #require(withBytes(text) { UpstreamResponse.parse($0) })
        return response.fields.map { String(decoding: $0.name, as: UTF8.self) }
    }

    @Test func nominatedFieldsAreNotForwarded() throws {
        let text =
            "HTTP/1.1 200 OK\r\nX-Hop: a\r\nETag: \"a\"\r\nConnection: x-HOP , Close\r\nX-Other: b\r\nx-hop-2: c\r\n"
            + "connection: x-other\r\nProxy-Authentication-Info: d\r\n\r\n"
        #expect(try names(text) == ["etag", "x-hop-2"])
    }

    @Test func spacesBeforeAColonAreTakenAway() throws {
        let response = try #require(
            withBytes("HTTP/1.1 200 OK\r\nETag : \"a\"\r\nContent-Length\t: 5\r\n\r\n") { UpstreamResponse.parse($0) })
        #expect(response.first("etag") == Array("\"a\"".utf8))
        #expect(response.contentLength == 5)
    }

    @Test(arguments: [
        ("HTTP/1.1 200\r\n\r\n", true), ("HTTP/1.1 200 \r\n\r\n", true), ("HTTP/1.0 200 OK\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nConnection: a, close\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nConnection: closed\r\n\r\n", true),
    ]) func whetherTheConnectionStays(text: String, stays: Bool) throws {
        let response = try #require(withBytes(text) { UpstreamResponse.parse($0) })
        #expect(response.keepsAlive == stays)
    }
}

@Suite struct ChunkedDecoderTests {
    private enum Outcome: Equatable {
        case body(String)
        case unfinished(String)
        case malformed
    }

    /// Decodes `text` cut into two pieces at `cut`.
    private func decode(_ text: String, cut: Int) -> Outcome {
        var decoder = ChunkedDecoder()
        var body: [UInt8] = []
        let bytes = Array(text.utf8)
        for piece in [Array(bytes[..<cut]), Array(bytes[cut...])] {
            let end: Outcome? = piece.withUnsafeBytes { input in
                var position = 0
                while true {
                    switch decoder.next(input, at: &position) {
                    case .body(let range): body.append(contentsOf: input[range])
                    case .needsInput: return nil
                    case .end: return .body(String(decoding: body, as: UTF8.self))
                    case .malformed: return .malformed
                    }
                }
            }
            if let end { return end }
        }
        return .unfinished(String(decoding: body, as: UTF8.self))
    }

    @Test func anySplitGivesTheSameBody() {
        let text = "5\r\nhello\r\n6;name=value\r\n world\r\n00\r\nTrailer: x\r\n\r\n"
        for cut in 0...text.utf8.count { #expect(decode(text, cut: cut) == .body("hello world")) }
    }

    @Test(arguments: ["5\r\nhello", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", ""]) func aCutBodyIsNotEnded(text: String)
    {
        guard case .unfinished = decode(text, cut: 0) else {
            Issue.record("taken for whole")
            return
        }
    }

    @Test(arguments: [
        "x\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n", "\r\n", "-5\r\n", "5 6\n", "1234567890123456\r\n", ";\r\n",
    ])
    func malformedFramingIsRefused(text: String) {
        #expect(decode(text, cut: 0) == .malformed)
    }
}

@Suite struct ByteRangeTests {
    private func range(_ text: String) -> ByteRange? { withBytes(text) { ByteRange($0) } }

    @Test func theThreeForms() {
        #expect(range("bytes=0-0") == .closed(first: 0, last: 0))
        #expect(range("Bytes=5-") == .from(first: 5))
        #expect(range("bytes=-7") == .suffix(length: 7))
    }

    @Test(arguments: [
        "bytes=", "bytes=-", "bytes=2-1", "bytes=0-1,3-4", "items=0-1", "bytes=a-b", "bytes=0x1-2", "bytes= 1 - 2",
    ])
    func whatIsIgnored(text: String) {
        #expect(range(text) == nil)
    }

    @Test func resolution() {
        #expect(ByteRange.closed(first: 0, last: 99).resolve(length: 10) == .satisfiable(0..<10))
        #expect(ByteRange.closed(first: 3, last: 3).resolve(length: 10) == .satisfiable(3..<4))
        #expect(ByteRange.closed(first: 10, last: 12).resolve(length: 10) == .unsatisfiable)
        #expect(ByteRange.from(first: 9).resolve(length: 10) == .satisfiable(9..<10))
        #expect(ByteRange.from(first: 10).resolve(length: 10) == .unsatisfiable)
        #expect(ByteRange.suffix(length: 3).resolve(length: 10) == .satisfiable(7..<10))
        #expect(ByteRange.suffix(length: 30).resolve(length: 10) == .satisfiable(0..<10))
        #expect(ByteRange.suffix(length: 0).resolve(length: 10) == .unsatisfiable)
        #expect(ByteRange.from(first: 0).resolve(length: 0) == .unsatisfiable)
    }
}

@Suite struct HTTPDateTests {
    @Test func theExampleOfTheRFC() {
        #expect(formatHTTPDate(seconds: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(parseHTTPDate(Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8)) == 784_111_777)
    }

    @Test func datesComeBack() {
        for seconds in stride(from: Int64(0), to: 4_000_000_000, by: 86_400 * 13 + 4711) {
            #expect(parseHTTPDate(Array(formatHTTPDate(seconds: seconds).utf8)) == seconds)
        }
    }

    @Test(arguments: [
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777), ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("Wed Nov 16 08:49:37 1994", 784_975_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        // Two digits that seem to lie more than fifty years ahead are of the last century.
        ("Friday, 01-Jan-99 00:00:00 GMT", 915_148_800), ("Saturday, 01-Jan-00 00:00:00 GMT", 946_684_800),
    ])
    func theThreeForms(text: String, seconds: Int64) {
        #expect(parseHTTPDate(Array(text.utf8)) == seconds)
    }

    @Test(arguments: [
        "", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06-Nov-1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "Sun Nov 06 08:49:37 94", "784111777",
        "Sun, 06 Nov 1900 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ])
    func whatIsNoDate(text: String) {
        #expect(parseHTTPDate(Array(text.utf8)) == nil)
    }
}
