// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

private func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try Array(text.utf8).withUnsafeBytes(body)
}

@Suite struct RequestParserTests {
    private enum Outcome: Equatable {
        case request(method: Method, target: String, range: String, cookie: String, hasContent: Bool, keepsAlive: Bool)
        case refused(Int)
    }

    private func parse(_ text: String) -> Outcome {
        withBytes(text) { bytes in
            switch RequestParser.parse(bytes) {
            case .refused(let status): .refused(status)
            case .request(let head, let keepsAlive):
                .request(
                    method: head.method, target: head.target.text, range: head.range.text, cookie: head.cookie.text,
                    hasContent: head.hasContent, keepsAlive: keepsAlive)
            }
        }
    }

    @Test func aPlainRequest() {
        #expect(
            parse("GET /a?b HTTP/1.1\r\nHOST: x\r\nRange:  bytes=0-1 \r\nCookie: c=d\r\n\r\n")
                == .request(
                    method: .get, target: "/a?b", range: "bytes=0-1", cookie: "c=d", hasContent: false, keepsAlive: true
                ))
    }

    @Test func absoluteFormIsReducedToItsPath() {
        guard case .request(_, let target, _, _, _, _) = parse("GET http://x:1/p?q HTTP/1.1\r\nHost: y\r\n\r\n") else {
            Issue.record("refused")
            return
        }
        #expect(target == "/p?q")
    }

    @Test(arguments: [
        "HTTP/1.0\r\n\r\n", "HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n",
        "HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n",
    ])
    func connectionsThatDoNotStay(rest: String) {
        guard case .request(_, _, _, _, _, let keepsAlive) = parse("GET / " + rest) else {
            Issue.record("refused")
            return
        }
        #expect(!keepsAlive)
    }

    /// What requests are smuggled with, and other malformed heads.
    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1,1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c: folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\u{0}c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http:///x HTTP/1.1\r\nHost: x\r\n\r\n",
        "G\tET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\u{7F} HTTP/1.1\r\nHost: x\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n\r\n",
    ]) func malformedHeadsAreRefused(text: String) {
        #expect(parse(text) == .refused(400))
    }

    @Test func theEndOfAHeadIsFoundWhereverItIsSplit() {
        let text = "GET / HTTP/1.1\r\nA: b\r\n\r\nrest"
        withBytes(text) { bytes in
            let end = text.utf8.count - 4
            for seen in 0...bytes.count {
                #expect(HeadLines.extent(in: bytes.slice(0..<seen)) == (seen >= end ? .whole(end) : .unfinished))
                #expect(HeadLines.extent(in: bytes, from: min(seen, end - 1)) == .whole(end))
            }
        }
    }

    /// No input may trap: random bytes and mutations of good heads, with a fixed seed.
    @Test func noInputTraps() {
        var random = SplitMix(state: 7)
        let good = Array("GET /a?b HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nContent-Length: 5\r\n\r\n".utf8)
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int(random.next() % 6 + 1) {
                let index = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
                }
            }
            bytes.withUnsafeBytes { bytes in
                _ = RequestParser.parse(bytes)
                _ = UpstreamResponse.parse(bytes)
                _ = ByteRange(bytes)
            }
        }
    }
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
        "HTTP/1.1 200 OK\nA: b\r\n\r\n", "HTTP/1.1 2000\r\n\r\n",
    ]) func malformedHeadsAreRefused(text: String) {
        #expect(withBytes(text) { UpstreamResponse.parse($0) } == nil)
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
        "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
    ])
    func whatIsNoDate(text: String) {
        #expect(parseHTTPDate(Array(text.utf8)) == nil)
    }
}
