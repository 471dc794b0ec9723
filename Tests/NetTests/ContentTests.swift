// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Testing

@testable import Net

/// Keeps up to 1000 bytes of content and answers with their number and sum; `/early` answers without waiting for it.
final class CollectingHandler: RequestHandler {
    override func handle(_ exchange: Exchange, _ request: borrowing RequestHead) {
        guard !request.target.equals("/ignore") else { return answer(exchange, 200, "ignored") }
        let collection = exchange.collectContent(limitBytes: 1000)
        if request.target.equals("/early") { return answer(exchange, 200, "early") }
        switch collection {
        case .none: answer(exchange, 200, "none")
        case .refused(let failure): answer(exchange, failure.status, "refused")
        case .collecting: break
        }
    }

    override func contentComplete(_ exchange: Exchange, _ content: [UInt8]) {
        answer(exchange, 200, "\(content.count) \(content.reduce(0) { $0 + Int($1) })")
    }

    override func contentFailed(_ exchange: Exchange, _ failure: ContentFailure) {
        answer(exchange, failure.status, "failed")
    }

    private func answer(_ exchange: Exchange, _ status: Int, _ text: String) {
        let response = exchange.begin(status: status)
        let body = BytesBody(text.utf8)
        response.add("content-length", number: body.count)
        exchange.send(response, body: body, range: 0..<body.count)
    }
}

/// Content over HTTP/1.1, byte by byte.
@Suite(.serialized) struct HTTP1ContentTests {
    private let next = "GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    private func server(_ change: (inout ServerLimits) -> Void = { _ in }) throws -> RunningServer {
        var limits = ServerLimits()
        limits.lingerTimeoutMilliseconds = 100
        change(&limits)
        return try RunningServer(limits: limits, handler: CollectingHandler())
    }

    private func answers(_ text: String) -> [String] {
        text.components(separatedBy: "HTTP/1.1 ").dropFirst().map { answer in
            answer.prefix(3) + " " + (answer.components(separatedBy: "\r\n\r\n").last ?? "")
        }
    }

    /// The handler gets all of it and nothing else, and the next request is found behind it, however the bytes are cut.
    @Test(arguments: [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n",
    ]) func contentIsWholeAtEverySplit(rest: String) throws {
        let server = try server()
        let all = "POST /a HTTP/1.1\r\nHost: x\r\n" + rest + next
        #expect(answers(try server.talk([all])) == ["200 5 532", "200 none"])
        for cut in stride(from: 1, to: all.utf8.count, by: 3) {
            let pieces = [String(all.prefix(cut)), String(all.dropFirst(cut))]
            #expect(answers(try server.talk(pieces, pause: 2000)) == ["200 5 532", "200 none"])
        }
    }

    @Test func aRequestThatIsTheLastIsReadToItsEnd() throws {
        let head = "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
        #expect(answers(try server().talk([head, "he", "llo"])) == ["200 5 532"])
    }

    @Test func aClientThatWaitsForLeaveGetsIt() throws {
        let head = "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        #expect(answers(try server().talk([head, "hello", next])) == ["100 ", "200 5 532", "200 none"])
    }

    @Test func aClientThatWaitsForLeaveInVainGetsTheFinalAnswer() throws {
        let head = "POST /ignore HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        #expect(answers(try server().talk([head])) == ["200 ignored"])
        let long = "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"
        #expect(answers(try server().talk([long])) == ["413 refused"])
    }

    @Test func moreThanTheHandlerTakesIsRefused() throws {
        let server = try server()
        let filler = String(repeating: "a", count: 1001)
        let length = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + filler
        #expect(answers(try server.talk([length])) == ["413 refused"])
        let chunked = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + filler
        #expect(answers(try server.talk([chunked])) == ["413 failed"])
        #expect(server.counters.contentsRefused.value == 2)
    }

    @Test func brokenChunksAreRefused() throws {
        let chunked = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nabc" + next
        #expect(answers(try server().talk([chunked])) == ["400 failed"])
    }

    @Test func aHandlerMayTakeMoreThanIsSkippedForNothing() throws {
        let server = try server { $0.contentBytesMax = 10 }
        let filler = String(repeating: "a", count: 1000)
        let head = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        #expect(answers(try server.talk([head + filler + next])) == ["200 1000 97000", "200 none"])
        #expect(server.counters.contentsRefused.value == 0)
    }

    @Test func withoutMemoryForItItIsRefused() throws {
        let server = try server { $0.contentBytesHeldMax = 0 }
        let head = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
        #expect(answers(try server.talk([head], untilClosed: false)) == ["503 refused"])
    }

    /// What one request has held is there for the next.
    @Test func memoryIsGivenBack() throws {
        let server = try server { $0.contentBytesHeldMax = 10 }
        let one = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n" + String(repeating: "a", count: 10)
        #expect(answers(try server.talk([one + one + next])) == ["200 10 970", "200 10 970", "200 none"])
    }

    @Test func anAnswerNeedNotWaitForIt() throws {
        let head = "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
        #expect(answers(try server().talk([head, "hello", next])) == ["200 early", "200 none"])
    }

    @Test func contentThatNeverEndsEndsTheConnection() throws {
        let server = try server { $0.contentTimeoutMilliseconds = 300 }
        let head = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe"
        #expect(try server.talk([head]) == "")
        #expect(server.counters.timeouts.value == 1)
    }
}

/// The same by curl, over both versions of HTTP.
@Suite(.serialized) struct CurlContentTests {
    private func curl(_ server: RunningServer, _ options: [String], content: Int) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let address = "http://127.0.0.1:\(server.port)/a"
        process.arguments =
            ["curl", "-sS", "--max-time", "10", "-o", "-", "-w", " %{http_code} %{http_version}"] + options
            + ["--data-binary", "@-", address]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        input.fileHandleForWriting.write(Data(repeating: 1, count: content))
        try input.fileHandleForWriting.close()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    @Test(arguments: [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")])
    func contentIsCollectedOrRefused(option: String, version: String) throws {
        let server = try RunningServer(handler: CollectingHandler())
        // Over HTTP/2 an empty frame ends it: content of no bytes.
        let none = version == "2" ? "0 0" : "none"
        #expect(try curl(server, [option], content: 0) == "\(none) 200 \(version)")
        #expect(try curl(server, [option], content: 1000) == "1000 1000 200 \(version)")
        #expect(try curl(server, [option, "-H", "Expect: 100-continue"], content: 1000) == "1000 1000 200 \(version)")
        #expect(try curl(server, [option], content: 1001).hasSuffix(" 413 \(version)"))
        let large = try curl(server, [option, "-H", "Transfer-Encoding: chunked"], content: 40_000)
        #expect(large == "failed 413 \(version)")
        #expect(try curl(server, [option], content: 7) == "7 7 200 \(version)")
    }

    @Test func contentBeyondTheClientsWindowComes() throws {
        var limits = ServerLimits()
        limits.contentBytesMax = 0
        let server = try RunningServer(limits: limits, handler: CollectingHandler())
        for _ in 0..<3 {
            #expect(try curl(server, ["--http2-prior-knowledge"], content: 999) == "999 999 200 2")
        }
    }
}
