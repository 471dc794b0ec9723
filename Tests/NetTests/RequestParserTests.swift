// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

@Suite struct RequestParserTests {
    struct Request: Equatable {
        var method = Method.get
        var target = "/"
        var authority = "x"
        var content = RequestParser.Framing.Content.none
        var keepsAlive = true
    }

    /// Nil status: it was read. The views are copied while the bytes live.
    private func parse<Result>(
        _ text: String, _ body: (RequestHead, RequestParser.Framing) -> Result
    ) -> (Result?, Int?) {
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 1)
        defer { scratch.deallocate() }
        return Array(text.utf8).withUnsafeBytes { bytes in
            var memory = HeadMemory(scratch, capacity: 4096)
            switch RequestParser.parse(bytes, memory: &memory) {
            case .refused(let status): return (nil, status)
            case .request(let head, let framing): return (body(head, framing), nil)
            }
        }
    }

    private func read(_ text: String) -> Request? {
        parse(text) { head, framing in
            Request(
                method: head.method, target: head.target.text, authority: head.authority.text,
                content: framing.content, keepsAlive: framing.keepsAlive)
        }.0
    }

    private func status(_ text: String) -> Int? { parse(text) { _, _ in }.1 }

    @Test func theFieldsOfARequest() throws {
        let text =
            "GET /a?b HTTP/1.1\r\nHOST: x\r\nRange:  bytes=0-1 \r\ncookie: c=d\r\nIf-None-Match: \"a\"\r\nACCEPT: */*\r\n"
            + "if-none-match: W/\"b\"\r\nCookie: e=f\r\nX: y\r\nCookie: g=h\r\nAccept-Encoding: gzip\r\n\r\n"
        let fields = parse(text) { head, _ in
            [
                head.target.text, head.range.text, head.cookie.text, head.ifNoneMatch.text, head.acceptEncoding.text,
                head.ifRange.text,
            ]
        }.0
        #expect(fields == ["/a?b", "bytes=0-1", "c=d; e=f; g=h", "\"a\", W/\"b\"", "gzip", ""])
    }

    @Test(arguments: [
        ("GET http://a.example:1/p?q HTTP/1.1\r\nHost: y\r\n\r\n", "/p?q", "a.example:1"),
        ("GET HTTPS://a HTTP/1.1\r\nHost: y\r\n\r\n", "/", "a"),
        ("GET http://a?q=/ HTTP/1.1\r\nHost: y\r\n\r\n", "/?q=/", "a"),
        ("GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", "/", "[::1]:8443"),
        ("GET / HTTP/1.1\r\nHost: x:\r\n\r\n", "/", "x:"),
        ("GET / HTTP/1.0\r\n\r\n", "/", ""),
        ("GET / HTTP/1.9\r\nHost: x\r\n\r\n", "/", "x"),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "*", "x"),
        ("OPTIONS http://a HTTP/1.1\r\nHost: y\r\n\r\n", "*", "a"),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "", "a:443"),
    ])
    func targetsAndAuthorities(text: String, target: String, authority: String) throws {
        let request = try #require(read(text), "refused with \(status(text) ?? 0)")
        #expect(request.target == target)
        #expect(request.authority == authority)
    }

    @Test(arguments: [
        ("HTTP/1.0\r\n\r\n", false), ("HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false),
        ("HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n", false),
        ("HTTP/1.1\r\nHost: x\r\nConnection: x , close\t, y\r\n\r\n", false),
        ("HTTP/1.1\r\nHost: x\r\nConnection: x\r\nConnection: close\r\n\r\n", false),
        ("HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n", true),
        ("HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", true),
        ("HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n", false),
        ("HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", true),
    ])
    func whetherTheConnectionStays(rest: String, stays: Bool) throws {
        let request = try #require(read("GET / " + rest))
        #expect(request.keepsAlive == stays)
    }

    @Test(arguments: [
        ("Content-Length: 0", RequestParser.Framing.Content.none), ("content-length:\t12 ", .length(12)),
        ("Transfer-Encoding: chunked", .chunked), ("TRANSFER-ENCODING: Chunked", .chunked),
    ])
    func contentIsFramed(field: String, content: RequestParser.Framing.Content) throws {
        let request = try #require(read("POST / HTTP/1.1\r\nHost: x\r\n\(field)\r\n\r\n"))
        #expect(request == Request(method: .post, content: content))
    }

    /// What requests are smuggled with, and other malformed heads.
    @Test(arguments: [
        "Content-Length: 1\r\nContent-Length: 2", "Content-Length: 1\r\nContent-Length: 1", "Content-Length: 1, 1",
        "Content-Length: 1\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 1",
        "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked\u{B}",
        "Transfer-Encoding: identity", "Transfer-Encoding:", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: \"chunked\"", "Transfer-Encoding : chunked", "Transfer\u{0}-Encoding: chunked",
        "Content-Length: +1", "Content-Length: -1", "Content-Length: 0x1", "Content-Length: 1 1", "Content-Length:",
        "Content-Length : 1", " Content-Length: 1", "Content-Length: 99999999999999999999", "A: b\r\n c: folded",
        "A: b\r\n\tfolded", "A: b\rc", "A: b\u{0}c", "A: b\u{1}c", "A: b\u{7F}c", "no colon", ": no name", "A\u{E9}: b",
        "Host: y", "Host: x",
    ]) func malformedFieldsAreRefused(field: String) {
        #expect(status("POST / HTTP/1.1\r\nHost: x\r\n\(field)\r\n\r\n") == 400)
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n\r\n", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
        "GET /\r\nHost: x\r\n\r\n", "GET / http/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.10\r\nHost: x\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: x\r\n\r\n", "GET http:///x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET *a HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS *a HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n", "G\tET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\u{7F} HTTP/1.1\r\nHost: x\r\n\r\n", "GET /\u{E9} HTTP/1.1\r\nHost: x\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "\r\n\r\n", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ]) func malformedHeadsAreRefused(text: String) {
        #expect(status(text) == 400)
    }

    @Test(arguments: [
        "", "a b", "a/b", "u@a", "a,b", "a#", "a?b", "a:x", "a:65536", ":80", "[::1", "[x]", "[::1]x", "a\\b",
    ])
    func badHostsAreRefused(host: String) {
        #expect(status("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") == 400)
        #expect(status("GET http://a/ HTTP/1.1\r\nHost: \(host)\r\n\r\n") == (host.isEmpty ? nil : 400))
    }

    @Test(arguments: [
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505), ("GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\n", 505), ("GET / HTTP/1.1\r\nHost: x\r\nExpect: coffee\r\n\r\n", 417),
        ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ]) func otherRefusals(text: String, expected: Int) {
        #expect(status(text) == expected)
    }

    @Test func theEndOfAHeadIsFoundWhereverItIsSplit() {
        let text = "GET / HTTP/1.1\r\nA: b\r\n\r\nrest"
        Array(text.utf8).withUnsafeBytes { bytes in
            let end = text.utf8.count - 4
            for seen in 0...bytes.count {
                #expect(HeadLines.extent(in: bytes.slice(0..<seen)) == (seen >= end ? .whole(end) : .unfinished))
                #expect(HeadLines.extent(in: bytes, from: min(seen, end - 1)) == .whole(end))
            }
        }
    }

    /// More input would not mend it, so that the answer need not wait for a time limit.
    @Test func aBareLineFeedIsSeenAtOnce() {
        for text in ["\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nA: b\nC"] {
            Array(text.utf8).withUnsafeBytes { #expect(HeadLines.extent(in: $0) == .malformed) }
        }
    }

    /// No input may trap: random bytes and mutations of good heads, with a fixed seed.
    @Test func noInputTraps() {
        var random = SplitMix(state: 7)
        let good = Array(
            "GET http://a/a?b HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nCookie: a\r\nCookie: b\r\nContent-Length: 5\r\n\r\n"
                .utf8)
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 1)
        defer { scratch.deallocate() }
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
                var memory = HeadMemory(scratch, capacity: 64)
                _ = RequestParser.parse(bytes, memory: &memory)
                _ = UpstreamResponse.parse(bytes)
                _ = ByteRange(bytes)
            }
        }
    }
}

@Suite struct ContentSkipperTests {
    /// Where the content of `text` ends when it comes in two pieces.
    private func end(_ content: RequestParser.Framing.Content, _ text: String, cut: Int) -> ContentSkipper.Step? {
        guard var skipper = ContentSkipper(content, bytesMax: 20) else { return nil }
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { bytes in
            let first = skipper.skip(bytes.slice(0..<cut), from: 0)
            guard first == .needsInput else { return first }
            let second = skipper.skip(bytes.slice(cut..<bytes.count), from: 0)
            if case .end(let position) = second { return .end(cut + position) }
            return second
        }
    }

    @Test func contentEndsAtTheSamePlaceForEverySplit() {
        let chunks = "3;a=b\r\nabc\r\n0\r\nT: x\r\n\r\n"
        for cut in 0...chunks.utf8.count {
            #expect(end(.chunked, chunks + "GET", cut: cut) == .end(chunks.utf8.count))
        }
        for cut in 0...5 { #expect(end(.length(4), "abcdGET", cut: cut) == .end(4)) }
        #expect(end(.none, "", cut: 0) == nil)
    }

    @Test(arguments: [
        "3\r\nabcd\r\n", "15\r\n" + String(repeating: "a", count: 21), "0\r\nT: x\ny\r\n\r\n", "0\r\n x\r\n\r\n",
    ])
    func badOrEndlessContentIsRefused(text: String) {
        #expect(end(.chunked, text, cut: 0) == (text.hasPrefix("15") ? .refused : .malformed))
    }
}
