// SPDX-License-Identifier: Apache-2.0

import Fuzzing
import Testing

@testable import Net

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Damaged requests: what is accepted can be read in one way only.
@Suite struct RequestFuzzTests {
    private static let corpus = [
        "GET /a?b=c HTTP/1.1\r\nHost: example.net\r\n\r\n",
        "GET http://example.net:80/a HTTP/1.1\r\nHost: example.net:80\r\nRange: bytes=0-1\r\nIf-Range: \"a\"\r\n\r\n",
        "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n",
        "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\nIf-None-Match: \"a\", W/\"b\"\r\n\r\n",
        "GET /hdnts=exp=1~acl=/*~hmac=00/v/a HTTP/1.1\r\nhost: [::1]:8443\r\nAccept-Encoding: gzip;q=0.5, *\r\n\r\n",
    ].map(bytes)
    private static let words = [
        "\r\n", "\n", "\r", "\r\n\r\n", " ", "\t", ":", "\0", "Content-Length: 5\r\n", "Content-Length: +5\r\n",
        "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n", "Host: b\r\n", "HTTP/1.1", "HTTP/1.0",
        "HTTP/2.0", "//", "/../", "%2e", "%00", "#", "CONNECT", "X-A: \r\n b\r\n", "0x10", "chunked, chunked",
    ]

    /// What matters of an accepted request; nil for a refused one.
    private struct Reading: Equatable {
        var method: Method
        var target: [UInt8]
        var authority: [UInt8]
        var range: [UInt8]
        var cookie: [UInt8]
        var framing: RequestParser.Framing
    }

    private func read(_ input: [UInt8]) -> Reading? {
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: 16_384, alignment: 16)
        defer { scratch.deallocate() }
        return input.withUnsafeBytes { view in
            var memory = HeadMemory(scratch, capacity: 16_384)
            guard case .request(let head, let framing) = RequestParser.parse(view, memory: &memory) else { return nil }
            return Reading(
                method: head.method, target: Array(head.target), authority: Array(head.authority),
                range: Array(head.range), cookie: Array(head.cookie), framing: framing)
        }
    }

    @Test func whatIsAcceptedIsUnmistakable() {
        let fuzzer = Fuzzer(corpus: Self.corpus, words: Self.words)
        var accepted = 0
        let problem = fuzzer.run(iterations: 15_000) { input, _ in
            guard case .whole(let length) = input.withUnsafeBytes({ HeadLines.extent(in: $0) }) else { return nil }
            let head = Array(input[..<length])
            guard let reading = read(head) else { return nil }
            accepted += 1
            return mistake(in: head, reading)
        }
        #expect(problem == nil)
        #expect(accepted > 50, "the fuzzer makes hardly any good input")
    }

    private func mistake(in head: [UInt8], _ reading: Reading) -> String? {
        for index in head.indices {
            if head[index] == 0x0A, index == 0 || head[index - 1] != 0x0D { return "a bare line feed is accepted" }
            if head[index] == 0x0D, index + 1 == head.count || head[index + 1] != 0x0A {
                return "a bare CR is accepted"
            }
            if head[index] == 0 { return "a NUL is accepted" }
        }
        let isPath = reading.target.first == UInt8(ascii: "/") || reading.target == [UInt8(ascii: "*")]
        guard isPath || (reading.method == .connect && reading.target.isEmpty) else { return "the target is no path" }
        guard reading.target.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return "the target holds a control character"
        }
        if case .length(let length) = reading.framing.content, length < 0 { return "a negative length" }
        // Without a host it was HTTP/1.0, of which we write none.
        guard [.get, .head, .options].contains(reading.method), isPath, !reading.authority.isEmpty else { return nil }
        let again = read(rewritten(reading))
        guard again == reading else {
            return "read otherwise when written again: \(reading) and \(String(describing: again))"
        }
        return nil
    }

    /// The request in our own words.
    private func rewritten(_ reading: Reading) -> [UInt8] {
        var text = bytes("\(reading.method.name) ") + reading.target + bytes(" HTTP/1.1\r\nhost: ") + reading.authority
        if !reading.range.isEmpty { text += bytes("\r\nrange: ") + reading.range }
        if !reading.cookie.isEmpty { text += bytes("\r\ncookie: ") + reading.cookie }
        switch reading.framing.content {
        case .none: break
        case .length(let length): text += bytes("\r\ncontent-length: \(length)")
        case .chunked: text += bytes("\r\ntransfer-encoding: chunked")
        }
        if reading.framing.expectsContinue {
            text += bytes("\r\nexpect: 100-continue")
        } else if !reading.framing.keepsAlive {
            text += bytes("\r\nconnection: close")
        }
        return text + bytes("\r\n\r\n")
    }

    /// A head that comes in pieces ends where it ends when it comes at once.
    @Test func theEndOfAHeadIsFoundAtAnySplit() {
        let problem = Fuzzer(corpus: Self.corpus, words: Self.words).run(iterations: 5_000) { input, random in
            let whole = input.withUnsafeBytes { HeadLines.extent(in: $0) }
            var held: [UInt8] = []
            for piece in random.pieces(of: input) {
                let searched = held.count
                held += piece
                let extent = held.withUnsafeBytes { HeadLines.extent(in: $0, from: searched) }
                guard extent == .unfinished else {
                    return extent == whole ? nil : "\(extent) in pieces, \(whole) at once"
                }
            }
            return whole == .unfinished ? nil : "unfinished in pieces, \(whole) at once"
        }
        #expect(problem == nil)
    }
}

/// Damaged responses of an upstream server, and chunked bodies.
@Suite struct ResponseFuzzTests {
    private static let heads = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\nCache-Control: max-age=5, public\r\n\r\n",
        "HTTP/1.1 206 Partial Content\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\nkeep-alive: x\r\n\r\n",
        "HTTP/1.0 404 \r\nconnection: close\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nAge: 5\r\nVary: a, b\r\n\r\n",
    ].map(bytes)
    private static let words = [
        "\r\n", "\n", "\r", "Content-Length: 6\r\n", "chunked", "HTTP/1.1 100 \r\n\r\n", "\0", ":", " ",
    ]

    @Test func aHeadThatIsAcceptedHasOneFramingAndPlainFields() {
        var accepted = 0
        let problem = Fuzzer(corpus: Self.heads, words: Self.words).run(iterations: 10_000) { input, _ in
            guard let response = input.withUnsafeBytes({ UpstreamResponse.parse($0) }) else { return nil }
            accepted += 1
            guard (100...599).contains(response.status) else { return "status \(response.status)" }
            if response.isChunked, response.contentLength != nil { return "two framings" }
            if let length = response.contentLength, length < 0 { return "length \(length)" }
            guard response.fields.count <= UpstreamResponse.fieldsMax else { return "too many fields" }
            for (name, value) in response.fields {
                guard !name.isEmpty, name.allSatisfy(isTokenCharacter), name == name.map(asciiLowercase) else {
                    return "a name is no token in lower case"
                }
                guard value.allSatisfy(isFieldValueCharacter) else { return "a value with control characters" }
            }
            return nil
        }
        #expect(problem == nil)
        #expect(accepted > 50)
    }

    private struct Decoded: Equatable {
        var body: [UInt8] = []
        /// Where in the input the body ended; nil while it has not, -1 when it is malformed.
        var end: Int?
    }

    private func decode(_ pieces: [[UInt8]]) -> Decoded {
        var decoder = ChunkedDecoder()
        var result = Decoded()
        var before = 0
        for piece in pieces {
            piece.withUnsafeBytes { view in
                var position = 0
                loop: while result.end == nil {
                    switch decoder.next(view, at: &position) {
                    case .body(let range): result.body += view[range]
                    case .needsInput: break loop
                    case .end(let used): result.end = before + used
                    case .malformed: result.end = -1
                    }
                }
            }
            before += piece.count
        }
        return result
    }

    @Test func chunksGiveTheSameBodyAtAnySplit() {
        let corpus = [
            "5\r\nhello\r\n0\r\n\r\n", "5;a=\"b\"\r\nhello\r\nFf\r\n", "0\r\nTrailer: x\r\n\r\nnext",
            "1 \r\na\r\n0;\r\n\r\n",
        ]
        let words = ["\r\n", "\n", "\r", "0\r\n\r\n", ";", "fffffffffffffff", "10000000000000000", "-1", "0x5", " "]
        let problem = Fuzzer(corpus: corpus.map(bytes), words: words).run(iterations: 15_000) { input, random in
            let whole = decode([input])
            let split = decode(random.pieces(of: input))
            return whole == split ? nil : "\(whole) at once, \(split) in pieces"
        }
        #expect(problem == nil)
    }

    @Test func whatIsWrittenInChunksIsReadBack() {
        let problem = Fuzzer(corpus: [bytes("some bytes"), [UInt8](repeating: 7, count: 300)]).run(iterations: 3_000) {
            body, random in
            var coded: [UInt8] = []
            for piece in random.pieces(of: body) {
                coded += bytes(String(piece.count, radix: 16) + "\r\n") + piece + [13, 10]
            }
            coded += bytes("0\r\n\r\n")
            let decoded = decode(random.pieces(of: coded + bytes("next")))
            return decoded == Decoded(body: body, end: coded.count) ? nil : "\(decoded)"
        }
        #expect(problem == nil)
    }
}

/// Damaged ranges, frames and header blocks.
@Suite struct FormatFuzzTests {
    @Test func rangesLieInsideTheBody() {
        let corpus = ["bytes=0-0", "bytes=5-", "bytes=-5", "bytes=0-499", "bytes=9999999999999999-", "BYTES= 1-2 "].map(
            bytes)
        var satisfied = 0
        let problem = Fuzzer(corpus: corpus, words: ["-", ",", "bytes=", "999999999999999999", " "]).run(
            iterations: 20_000
        ) {
            input, random in
            guard let range = input.withUnsafeBytes({ ByteRange($0) }) else { return nil }
            let length = [0, 1, 6, 500, 1 << 40][random.number(0...4)]
            guard case .satisfiable(let part) = range.resolve(length: length) else { return nil }
            satisfied += 1
            return part.lowerBound >= 0 && part.upperBound <= length && !part.isEmpty ? nil : "\(part) of \(length)"
        }
        #expect(problem == nil)
        #expect(satisfied > 50)
    }

    /// A connection's first bytes: the preface, SETTINGS, a request in two frames, DATA, PING, WINDOW_UPDATE.
    private static let conversation: [UInt8] =
        bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + [0, 0, 0, 4, 0, 0, 0, 0, 0]
        + [0, 0, 4, 1, 0, 0, 0, 0, 1, 0x82, 0x87, 0x84, 0x41, 0, 0, 2, 9, 4, 0, 0, 0, 1, 1, 0x61]
        + [0, 0, 3, 0, 1, 0, 0, 0, 1, 1, 2, 3, 0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
        + [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0]

    @Test func aFloodIsSeenAtAnySplit() {
        let corpus = [Self.conversation, Self.conversation + [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]
        var limits = FrameLimits()
        limits.pingsPerMinute = 2
        limits.settingsPerMinute = 2
        limits.emptyFramesPerMinute = 1
        limits.windowUpdatesPerMinute = 2
        limits.continuationsMax = 1
        func verdict(_ pieces: [[UInt8]]) -> (FloodKind?, Bool) {
            var frames = FrameGuard(limits: limits, nowMilliseconds: 0)
            for piece in pieces {
                let kind = piece.withUnsafeBytes { frames.receive($0, nowMilliseconds: 0, sentBytes: 0) }
                if let kind { return (kind, false) }
            }
            return (nil, frames.isInHead)
        }
        var floods = 0
        let problem = Fuzzer(corpus: corpus).run(iterations: 10_000) { input, random in
            let whole = verdict([input])
            if whole.0 != nil { floods += 1 }
            let split = verdict(random.pieces(of: input))
            return whole == split ? nil : "\(whole) at once, \(split) in pieces"
        }
        #expect(problem == nil)
        #expect(floods > 20)
    }
}
