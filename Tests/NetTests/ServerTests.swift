// SPDX-License-Identifier: Apache-2.0

import Base
import CLinux
import Foundation
import Glibc
import Synchronization
import Testing

@testable import Net

/// Answers `/echo` with the method, `/large` with 1 MiB, `/broken` with a body that dies.
final class TestHandler: RequestHandler {
    private final class BrokenBody: BodySource {
        private let bytes = BytesBody(Array(repeating: UInt8(ascii: "b"), count: 10))

        override func window(at offset: Int) -> Window {
            offset < 10 ? bytes.window(at: offset) : .failed
        }
    }

    override func handle(_ exchange: Exchange, _ request: borrowing RequestHead) {
        let response = exchange.begin(status: 200)
        if request.target.equals("/broken") {
            response.add("content-length", number: 20)
            exchange.send(response, body: BrokenBody(), range: 0..<20)
            return
        }
        if request.target.equals("/endless") {
            exchange.send(response, body: BytesBody(Array("abc".utf8)), range: 0..<Int.max)
            return
        }
        let body =
            request.target.equals("/large")
            ? BytesBody(Array(repeating: UInt8(ascii: "x"), count: 1 << 20)) : BytesBody("\(exchange.method.name)".utf8)
        response.add("content-length", number: body.count)
        exchange.send(response, body: body, range: 0..<body.count)
    }
}

/// A server on its own thread for the time of a test.
final class RunningServer {
    let port: UInt16
    let counters = ServerCounters()
    private let mailbox: Mailbox
    private let stop: @Sendable () -> Void
    private let thread: StartedThread
    /// Outlives the loop, whose connections refer to it without counting: what is declared last goes last.
    private let server: Server

    init(limits: ServerLimits = ServerLimits(), handler: RequestHandler = TestHandler()) throws {
        // Made here and used by the new thread only, but for the mailbox.
        nonisolated(unsafe) let loop = try EventLoop()
        let server = Server(loop: loop, handler: handler, limits: limits, counters: counters)
        port = try server.listen(Endpoint(address: "127.0.0.1", port: 0), tls: nil)
        mailbox = loop.mailbox
        stop = { loop.stop() }
        self.server = server
        nonisolated(unsafe) let owned = server
        thread = try startThread(name: "test-server") { withExtendedLifetime(owned) { loop.run() } }
    }

    deinit {
        mailbox.post(stop)
        thread.join()
    }

    /// Sends `pieces` one after the other and returns all that comes back until the server closes. Where that is not expected, an
    /// answer ends when nothing more has come for 0.3 s.
    func talk(_ pieces: [String], untilClosed: Bool = true, pause: UInt32 = 20_000) throws -> String {
        let descriptor = spw_connect_tcp("127.0.0.1", port)
        try #require(descriptor >= 0)
        defer { _ = spw_close(descriptor) }
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, 2000)
        for piece in pieces {
            let bytes = Array(piece.utf8)
            _ = spw_write(descriptor, bytes, bytes.count)
            if pieces.count > 1 { usleep(pause) }
        }
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, untilClosed || received.isEmpty ? 20_000 : 300) == 1 else { break }
            let count = spw_read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            received.append(contentsOf: chunk[..<count])
        }
        return String(decoding: received, as: UTF8.self)
    }
}

@Suite(.serialized) struct HTTP1ServerTests {
    @Test func aRequestIsAnsweredAndTheConnectionStays() throws {
        let server = try RunningServer()
        let answer = try server.talk(
            ["GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
        #expect(
            answer == "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nGET"
                + "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n")
    }

    @Test func pipelinedAndSplitRequestsAreAnsweredInOrder() throws {
        let server = try RunningServer()
        let one = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
        let last = "OPTIONS /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        let all = one + one + last
        for cut in stride(from: 1, to: all.utf8.count, by: 7) {
            let answer = try server.talk([String(all.prefix(cut)), String(all.dropFirst(cut))])
            #expect(answer.hasSuffix("OPTIONS"))
            #expect(answer.split(separator: "HTTP/1.1 200").count == 3)
        }
    }

    @Test func aLargeBodyComesWhole() throws {
        let server = try RunningServer()
        let answer = try server.talk(["GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
        #expect(answer.utf8.count(where: { $0 == UInt8(ascii: "x") }) == 1 << 20)
    }

    @Test func aBodyOfUnknownLengthIsChunked() throws {
        let server = try RunningServer()
        let answer = try server.talk(["GET /endless HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
        #expect(answer.hasSuffix("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
    }

    @Test func aBodyThatDiesIsCutOff() throws {
        let server = try RunningServer()
        let answer = try server.talk(["GET /broken HTTP/1.1\r\nHost: x\r\n\r\n"])
        #expect(answer.hasSuffix("content-length: 20\r\n\r\nbbbbbbbbbb"))
        #expect(server.counters.responsesAborted.value == 1)
    }

    @Test func whatIsNotHTTPIsRefusedAndCounted() throws {
        let server = try RunningServer()
        #expect(try server.talk(["GET / HTTP/1.1\nHost: x\r\n\r\n"]).hasPrefix("HTTP/1.1 400 "))
        #expect(server.counters.requestsMalformed.value == 1)
    }

    @Test func aHeadOverTheLimitGets431() throws {
        var limits = ServerLimits()
        limits.headerBytesMax = 4096
        let server = try RunningServer(limits: limits)
        let long = "GET / HTTP/1.1\r\nHost: x\r\nA: " + String(repeating: "a", count: 5000) + "\r\n\r\n"
        #expect(try server.talk([long]).hasPrefix("HTTP/1.1 431 "))
    }

    @Test func aHeadThatDoesNotEndTimesOut() throws {
        var limits = ServerLimits()
        limits.headerTimeoutMilliseconds = 300
        let server = try RunningServer(limits: limits)
        #expect(try server.talk(["GET / HTTP/1.1\r\nHo"]) == "")
        #expect(server.counters.timeouts.value == 1)
    }

    @Test func connectionsOverTheLimitAreClosed() throws {
        var limits = ServerLimits()
        limits.connectionsMax = 0
        let server = try RunningServer(limits: limits)
        #expect(try server.talk(["GET / HTTP/1.1\r\nHost: x\r\n\r\n"]) == "")
        #expect(server.counters.connectionsRefused.value == 1)
    }
}

@Suite(.serialized) struct HTTP1ConnectionTests {
    private func statuses(_ answer: String) -> [String] {
        answer.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }
    }

    private let last = "GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    /// Content is skipped, never read as a request, and the connection stays, however the bytes are cut.
    @Test(arguments: [
        "Content-Length: 28\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1c\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n\r\n0\r\nTrailer: y\r\n\r\n",
    ]) func contentIsSkippedAtEverySplit(rest: String) throws {
        let server = try RunningServer()
        let all = "\r\nPOST / HTTP/1.1\r\nHost: x\r\n" + rest + last
        let whole = try server.talk([all])
        #expect(statuses(whole) == ["200", "200"])
        #expect(whole.contains("\r\n\r\nPOST") && whole.hasSuffix("GET"))
        for cut in 1..<all.utf8.count {
            let pieces = [
                String(decoding: all.utf8.prefix(cut), as: UTF8.self),
                String(decoding: all.utf8.dropFirst(cut), as: UTF8.self),
            ]
            #expect(try server.talk(pieces, pause: 2000) == whole)
        }
    }

    @Test(arguments: [
        // A length beyond the limit, chunks beyond it, broken chunks: answered, then closed.
        "Content-Length: 2000\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n7d0\r\nab",
        "Transfer-Encoding: chunked\r\n\r\nx\r\n",
    ]) func contentThatIsNotSkippedEndsTheConnection(rest: String) throws {
        var limits = ServerLimits()
        limits.contentBytesMax = 100
        limits.lingerTimeoutMilliseconds = 100
        let server = try RunningServer(limits: limits)
        let filler = String(repeating: "c", count: 1200)
        let answer = try server.talk(["POST / HTTP/1.1\r\nHost: x\r\n" + rest + filler + last])
        #expect(statuses(answer) == ["200"])
        #expect(server.counters.contentsRefused.value == 1)
    }

    @Test func aClientThatWaitsForLeaveGetsTheFinalAnswer() throws {
        var limits = ServerLimits()
        limits.lingerTimeoutMilliseconds = 100
        let server = try RunningServer(limits: limits)
        let answer = try server.talk(["POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"]
        )
        #expect(statuses(answer) == ["200"])
        #expect(answer.contains("connection: close"))
    }

    @Test func anOldClientMayKeepItsConnection() throws {
        let server = try RunningServer()
        let answer = try server.talk([
            "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /a HTTP/1.0\r\n\r\n",
        ])
        #expect(statuses(answer) == ["200", "200"])
        #expect(answer.components(separatedBy: "connection: keep-alive").count == 2)
    }

    /// What the client still sends does not destroy the answer: 431 arrives whole although megabytes follow.
    @Test func anAnswerSurvivesWhatIsStillBeingSent() throws {
        let server = try RunningServer()
        let long = "GET / HTTP/1.1\r\nHost: x\r\nA: " + String(repeating: "a", count: 600_000)
        for _ in 0..<10 {
            let answer = try server.talk([long])
            #expect(answer.hasPrefix("HTTP/1.1 431 "))
            #expect(answer.hasSuffix("\r\n\r\n"))
        }
    }

    @Test func contentThatNeverComesTimesOut() throws {
        var limits = ServerLimits()
        limits.contentTimeoutMilliseconds = 300
        let server = try RunningServer(limits: limits)
        #expect(statuses(try server.talk(["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab"])) == ["200"])
        #expect(server.counters.timeouts.value == 1)
    }
}
