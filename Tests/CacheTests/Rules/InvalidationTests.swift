// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

private func target(_ scheme: String, _ authority: String, _ path: String) -> TargetURI {
    TargetURI(scheme: bytes(scheme), authority: bytes(authority), pathAndQuery: bytes(path))
}

@Suite struct TargetURITests {
    private let base = target("http", "a", "/b/c/d;p?q")

    /// The examples of RFC 3986 section 5.4, as far as a target can be the result.
    @Test(
        arguments: [
            ("http:g", nil), ("g", "/b/c/g"), ("./g", "/b/c/g"), ("g/", "/b/c/g/"), ("/g", "/g"), ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"), ("#s", "/b/c/d;p?q"), ("g#s", "/b/c/g"), ("g?y#s", "/b/c/g?y"), (";x", "/b/c/;x"),
            ("g;x", "/b/c/g;x"), ("", "/b/c/d;p?q"), (".", "/b/c/"), ("./", "/b/c/"), ("..", "/b/"), ("../", "/b/"),
            ("../g", "/b/g"), ("../..", "/"), ("../../", "/"), ("../../g", "/g"), ("../../../g", "/g"), ("/./g", "/g"),
            ("/../g", "/g"), ("g.", "/b/c/g."), (".g", "/b/c/.g"), ("..g", "/b/c/..g"), ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"), ("g/./h", "/b/c/g/h"), ("g/../h", "/b/c/h"), ("g;x=1/../y", "/b/c/y"),
            ("g?y/../x", "/b/c/g?y/../x"), ("g?y/./x", "/b/c/g?y/./x"),
        ] as [(String, String?)])
    func referencesAreResolved(reference: String, expected: String?) {
        #expect(base.resolve(bytes(reference)) == expected.map { target("http", "a", $0) })
    }

    @Test(arguments: [
        ("//g", "http", "g", "/"), ("//g?y", "http", "g", "/?y"), ("HTTPS://G:443/x", "https", "g", "/x"),
        ("http://g:80", "http", "g", "/"), ("http://g:8080/./y", "http", "g:8080", "/y"),
        ("http://g:/", "http", "g", "/"), ("//[::1]:80/", "http", "[::1]", "/"),
    ])
    func othersAreRecognised(reference: String, scheme: String, authority: String, path: String) {
        #expect(base.resolve(bytes(reference)) == target(scheme, authority, path))
    }

    @Test(arguments: [
        "mailto:x", "ftp://a/b", "http://", "///x", "//h::80", "//h:8x", "//u@h/", "//:80", "//[::1", "//[::1]x", "g\n",
        "a b", "g\u{7F}",
    ])
    func whatNamesNoTarget(reference: String) {
        #expect(base.resolve(bytes(reference)) == nil)
    }

    @Test func longReferencesAreNotRead() {
        #expect(base.resolve([UInt8](repeating: UInt8(ascii: "a"), count: TargetURI.referenceBytesMax + 1)) == nil)
    }

    @Test func aTargetNamesItself() {
        #expect(base.isSame(bytes("")))
        #expect(base.isSame(bytes("/b/c/d;p?q")))
        #expect(base.isSame(bytes("http://A/b/c/d;p?q")))
        #expect(!base.isSame(bytes("/b/c/d;p")))
    }
}

@Suite struct InvalidationTests {
    private func targets(_ method: String, _ status: Int, _ fields: String...) -> [String] {
        Invalidation.targets(
            method: bytes(method), status: status, target: target("https", "e.example:443", "/v/1?x"),
            fields: lines(fields)
        ).map { text($0.pathAndQuery) }
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "get"])
    func methodsThatMayChangeSomethingInvalidate(method: String) {
        #expect(targets(method, 200) == ["/v/1?x"])
        #expect(targets(method, 303, "Location: /v/2", "Content-Location: 3") == ["/v/1?x", "/v/2", "/v/3"])
        #expect(targets(method, 404) == [])
        #expect(targets(method, 500, "Location: /v/2") == [])
    }

    @Test(arguments: ["GET", "HEAD", "OPTIONS", "TRACE"])
    func safeMethodsNeverDo(method: String) {
        #expect(targets(method, 200, "Location: /v/2") == [])
    }

    @Test func onlyTheSameOriginIsMeant() {
        #expect(targets("PUT", 201, "Location: https://E.example/a", "Content-Location: /a") == ["/v/1?x", "/a"])
        #expect(targets("PUT", 201, "Location: http://e.example/a", "Content-Location: //f.example/b") == ["/v/1?x"])
        #expect(targets("PUT", 201, "Location: https://e.example:444/a", "Content-Location: ") == ["/v/1?x"])
    }
}
