// SPDX-License-Identifier: Apache-2.0

import Base
import Testing

@testable import Net

/// Answers `/n` with n interim responses before the final one.
private final class InterimHandler: RequestHandler {
    override func handle(_ exchange: Exchange, _ request: borrowing RequestHead) {
        let count = request.target.slice(1..<request.target.count).decimal ?? 0
        for number in 0..<count {
            exchange.sendInterim(
                status: 103, FieldBlock([(Array("link".utf8), Array("</\(number)>; rel=preload".utf8))]))
        }
        let response = exchange.begin(status: 200)
        let body = BytesBody(Array("whole".utf8))
        response.addContentLength(body.count)
        exchange.send(response, body: body, range: 0..<body.count)
    }
}

/// Interim responses from the server and to its client (RFC 9110 section 15.2).
@Suite(.serialized) struct InterimTests {
    @Test func theyGoAheadOfTheResponse() throws {
        let server = try RunningServer(handler: InterimHandler())
        let answer = try server.talk(["GET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
        #expect(
            answer == "HTTP/1.1 103 Early Hints\r\nlink: </0>; rel=preload\r\n\r\n"
                + "HTTP/1.1 103 Early Hints\r\nlink: </1>; rel=preload\r\n\r\n"
                + "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nwhole")
    }

    @Test(arguments: [(9, "1.1", 8), (1000, "1.1", 8), (2, "1.0", 0)])
    func thereAreNeverManyAndNoneForAnOldClient(count: Int, version: String, expected: Int) throws {
        let server = try RunningServer(handler: InterimHandler())
        let answer = try server.talk(["GET /\(count) HTTP/\(version)\r\nHost: x\r\nConnection: close\r\n\r\n"])
        #expect(answer.split(separator: "103 Early Hints").count - 1 == expected)
        #expect(answer.hasSuffix("whole"))
    }

    @Test func theClientHandsThemOn() throws {
        let server = try RunningServer(handler: InterimHandler())
        let client = try Client()
        let (receiver, _) = try client.start(client.pool(server.port), "GET", "/3")
        client.run(until: 1)
        #expect(receiver.interims == (0..<3).map { "103 </\($0)>; rel=preload" })
        #expect((receiver.status, receiver.body) == (200, "whole"))
    }
}
