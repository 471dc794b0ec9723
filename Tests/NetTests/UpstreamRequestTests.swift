// SPDX-License-Identifier: Apache-2.0

import Base
import Testing

@testable import Net

@Suite struct UpstreamRequestTests {
    private func request(
        _ method: String, _ target: String = "/a", _ fields: [(String, String)] = [], host: String? = nil,
        content: String = ""
    ) -> UpstreamRequest? {
        UpstreamRequest(
            method: Array(method.utf8), target: Array(target.utf8), host: host.map { Array($0.utf8) },
            fields: fields.map { (Array($0.0.utf8), Array($0.1.utf8)) }, content: Array(content.utf8))
    }

    private func text(_ request: UpstreamRequest?) -> String? {
        request.map { String(decoding: $0.bytes(serverHost: Array("server:80".utf8)), as: UTF8.self) }
    }

    @Test func hostComesFirstAndFieldsKeepTheirOrder() {
        #expect(
            text(request("GET", "/a?b=c", [("accept", "*/*"), ("via", "1.1 edge")]))
                == "GET /a?b=c HTTP/1.1\r\nhost: server:80\r\naccept: */*\r\nvia: 1.1 edge\r\n\r\n")
        #expect(text(request("HEAD", host: "a.example")) == "HEAD /a HTTP/1.1\r\nhost: a.example\r\n\r\n")
    }

    @Test func contentHasItsLength() {
        #expect(
            text(request("PUT", content: "hello"))
                == "PUT /a HTTP/1.1\r\nhost: server:80\r\ncontent-length: 5\r\n\r\nhello")
        #expect(text(request("POST")) == "POST /a HTTP/1.1\r\nhost: server:80\r\ncontent-length: 0\r\n\r\n")
        #expect(text(request("DELETE")) == "DELETE /a HTTP/1.1\r\nhost: server:80\r\n\r\n")
    }

    @Test func fieldsOfAnotherConnectionAreLeftOut() {
        let fields = [
            ("Host", "evil"), ("Connection", "close, X-Hop"), ("x-hop", "1"), ("Transfer-Encoding", "chunked"),
            ("content-length", "9"), ("TE", "trailers"), ("expect", "100-continue"), ("Upgrade", "h2c"), ("b", "2"),
            ("keep-alive", "5"), ("proxy-connection", "close"), ("trailer", "b"),
        ]
        #expect(text(request("GET", "/a", fields)) == "GET /a HTTP/1.1\r\nhost: server:80\r\nb: 2\r\n\r\n")
    }

    @Test(arguments: [
        ("GE T", "/", "a", "b"), ("", "/", "a", "b"), ("GET", "", "a", "b"), ("GET", "a", "a", "b"),
        ("GET", "/ HTTP/1.1", "a", "b"), ("GET", "/\r\nx: y", "a", "b"), ("GET", "/#a", "a", "b"),
        ("GET", "/", "a b", "c"), ("GET", "/", "", "c"), ("GET", "/", "a", "b\r\nc: d"), ("GET", "/", "a", "b\0"),
        ("GET", "/", "a:", "b"), ("GET", "/", "a", "b\n"),
    ]) func whatCouldBeReadAsSomethingElseIsRefused(method: String, target: String, name: String, value: String) {
        #expect(request(method, target, [(name, value)]) == nil)
    }

    @Test func aHostIsAnAuthority() {
        #expect(request("GET", host: "a\r\nb: c") == nil)
        #expect(request("GET", host: "user@a") == nil)
        #expect(request("GET", host: "[::1]:80") != nil)
    }

    @Test func methodsSayWhetherTheyMayBeRepeated() {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] { #expect(request(method)?.isIdempotent == true) }
        for method in ["POST", "PATCH", "PURGE"] { #expect(request(method)?.isIdempotent == false) }
        #expect(request("HEAD")?.isHead == true && request("GET")?.isHead == false)
    }

    @Test func aServerIsNamedWithItsPortWhereThatIsNotTheSchemesOwn() throws {
        var server = UpstreamServer(.init(address: "10.0.0.1", port: 443))
        #expect(server.host(usesTLS: true) == "10.0.0.1:443")
        server.name = "a.example"
        #expect(server.host(usesTLS: true) == "a.example")
        #expect(server.host(usesTLS: false) == "a.example:443")
    }
}
