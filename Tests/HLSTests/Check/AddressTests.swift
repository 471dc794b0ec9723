// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

@Suite struct AddressTests {
    /// RFC 3986 section 5.4, as far as it concerns paths and queries.
    @Test(arguments: [
        ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
        ("//g", "http://g"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"), ("..", "http://a/b/"), ("../g", "http://a/b/g"), ("../..", "http://a/"),
        ("../../g", "http://a/g"), ("../../../g", "http://a/g"), ("/./g", "http://a/g"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("https://x/y", "https://x/y"), ("g#s", "http://a/b/c/g"),
    ]) func referencesAreResolved(reference: String, expected: String) {
        #expect(Address.resolve(reference, against: "http://a/b/c/d;p?q") == expected)
    }

    @Test func pathsStayInsideTheirFolder() {
        #expect(Address.resolve("../../etc/passwd", against: "/240p/index.m3u8") == "/etc/passwd")
        #expect(Address.resolve("0.m4s", against: "/master.m3u8") == "/0.m4s")
    }

    @Test func placesAreShortAndWithoutTokens() {
        let root = "https://example.com/hdnts=exp=1/v/7/master.m3u8?hdnts=x"
        #expect(Address.place("https://example.com/hdnts=exp=1/v/7/240p/0.m4s?hdnts=x", root: root) == "240p/0.m4s")
        #expect(Address.place("https://other.com/a.m4s?token=x", root: root) == "https://other.com/a.m4s")
        #expect(Address.place("/240p/0.m4s", root: "/master.m3u8") == "240p/0.m4s")
    }

    @Test func whatATerminalWouldObeyIsNotShown() {
        #expect(FindingList.shown("a\u{1B}[31m\u{9B}\u{202E}b\n") == "a[31mb")
        #expect(FindingList.shown(String(repeating: "x", count: 500)).count == FindingList.quotedMax)
    }
}
