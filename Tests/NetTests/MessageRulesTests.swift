// SPDX-License-Identifier: Apache-2.0

import Fuzzing
import Testing

@testable import Net

private func bytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    Array(text.utf8).withUnsafeBytes(body)
}

private func headerField(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> HeaderField {
    let kind = FieldKind(name)
    return HeaderField(name: name, value: value, kind: kind, isAllowed: kind.allows(value), isValueStable: true)
}

/// RFC 9113 section 8. The scenarios check the same over a connection.
struct MessageRulesTests {
    private typealias Field = (name: String, value: String)

    private static let request: [Field] = [
        (":method", "GET"), (":scheme", "https"), (":path", "/a"), (":authority", "a.example"),
    ]

    /// Whether the fields are a request.
    private func isRequest(_ fields: [Field], hasContent: Bool = false) -> Bool {
        var rules = MessageRules()
        var head = RequestHead()
        // What the head keeps stays valid while the request is judged.
        let values = fields.map { Array($0.value.utf8) }
        var kept: [UnsafeMutableRawBufferPointer] = []
        defer { for buffer in kept { buffer.deallocate() } }
        for (field, value) in zip(fields, values) {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, value.count), alignment: 1)
            buffer.copyBytes(from: value)
            kept.append(buffer)
            let view = UnsafeRawBufferPointer(start: buffer.baseAddress, count: value.count)
            bytes(field.name) { name in
                let field = headerField(name, view)
                guard rules.take(field) else { return }
                switch field.kind {
                case .pseudo(.method): head.method = Method(view)
                case .pseudo(.path): head.target = view
                case .pseudo(.authority): head.authority = view
                case .regular(.host): head.host = view
                default: break
                }
            }
        }
        return rules.isRequest(head, hasContent: hasContent)
    }

    private func isRequest(with name: String, _ value: String, hasContent: Bool = false) -> Bool {
        isRequest(Self.request + [(name, value)], hasContent: hasContent)
    }

    private func isRequest(changing name: String, to value: String?) -> Bool {
        isRequest(Self.request.compactMap { $0.name == name ? value.map { (name, $0) } : $0 })
    }

    @Test func aPlainRequestIsOne() {
        #expect(isRequest(Self.request))
        #expect(isRequest(with: "user-agent", "a b\tc \u{e9}"))
        #expect(isRequest(with: "x", ""))
    }

    @Test(arguments: [":method", ":scheme", ":path", ":authority"])
    func everyPseudoFieldIsThereOnce(name: String) {
        #expect(!isRequest(changing: name, to: nil))
        #expect(!isRequest(changing: name, to: ""))
        let again = Self.request.filter { $0.name == name }
        #expect(!isRequest(Self.request + again))
        #expect(!isRequest([("x", "y")] + Self.request))
    }

    @Test(arguments: ["host", "Host", ":test", ":status", ":protocol"])
    func onlyHostStandsForTheAuthority(name: String) {
        let fields = Self.request.filter { $0.name != ":authority" } + [(name, "a.example")]
        #expect(isRequest(fields) == (name == "host"))
    }

    @Test(arguments: ["a", "*", "/a b", "/a\u{7f}", "/\u{1}", "/aaaaaaaaaaaaaaaaaaaaaaaa\u{0}"])
    func oddTargetsAreMalformed(path: String) {
        #expect(!isRequest(changing: ":path", to: path))
    }

    @Test func theAsteriskIsForOptions() {
        let options: [Field] = [(":method", "OPTIONS"), (":scheme", "https"), (":path", "*"), (":authority", "a")]
        #expect(isRequest(options))
    }

    @Test func connectHasOnlyAnAuthority() {
        #expect(isRequest([(":method", "CONNECT"), (":authority", "a.example:443")]))
        #expect(!isRequest(changing: ":method", to: "CONNECT"))
        #expect(!isRequest([(":method", "CONNECT")]))
    }

    @Test(arguments: [
        ("connection", "close"), ("keep-alive", "timeout=5"), ("proxy-connection", "a"), ("upgrade", "h2c"),
        ("transfer-encoding", "chunked"), ("te", "gzip"), ("te", "trailers, gzip"), ("te", ""),
    ])
    func fieldsOfAConnectionAreMalformed(name: String, value: String) {
        #expect(!isRequest(with: name, value))
    }

    @Test func trailersMayBeAnnounced() {
        #expect(isRequest(with: "te", "trailers"))
        #expect(isRequest(with: "te", "Trailers"))
    }

    @Test(arguments: ["X-Upper", "x y", "x:", "", "x\u{0}", "x\u{7f}", "\u{e9}", "x\t", "(x)"])
    func oddNamesAreMalformed(name: String) {
        #expect(!isRequest(with: name, "a"))
    }

    @Test(arguments: [" a", "a ", "\ta", "a\t", "a\u{0}", "a\rb", "a\nb", "\u{7f}", "aaaaaaaaaaaaaaaaaaaaaa\rb"])
    func oddValuesAreMalformed(value: String) {
        #expect(!isRequest(with: "x", value))
    }

    @Test func theLengthOfContent() {
        #expect(isRequest(with: "content-length", "3", hasContent: true))
        #expect(isRequest(with: "content-length", "0"))
        #expect(!isRequest(with: "content-length", "3"))
        for value in ["-1", "", "+1", "0, 0", "1e3", "9999999999999999999"] {
            #expect(!isRequest(with: "content-length", value, hasContent: true))
        }
        let twice = Self.request + [("content-length", "3"), ("content-length", "3")]
        #expect(!isRequest(twice, hasContent: true))
    }

    @Test func trailersHaveNoPseudoFieldsAndNoLength() {
        func isTrailer(_ fields: [Field]) -> Bool {
            var rules = MessageRules()
            for field in fields {
                _ = bytes(field.name) { name in bytes(field.value) { rules.take(headerField(name, $0)) } }
            }
            return rules.isTrailer
        }
        #expect(isTrailer([("x", "y")]))
        #expect(isTrailer([]))
        #expect(!isTrailer([(":path", "/")]))
        #expect(!isTrailer([("x", "y"), (":path", "/")]))
        #expect(!isTrailer([("content-length", "1")]))
        #expect(!isTrailer([("X", "y")]))
    }
}

struct FieldCharactersTests {
    /// Byte by byte, what the checks of many bytes at a time must say as well.
    @Test func manyAtATimeAreJudgedAsOneByOne() {
        var random = FuzzRandom(seed: 1)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...70, using: &random)
            var value = (0..<count).map { _ in UInt8.random(in: 0x21...0xFF, using: &random) }
            if count > 0, Bool.random(using: &random) {
                value[Int.random(in: 0..<count, using: &random)] = [0, 9, 0x1F, 0x20, 0x7F, 0x80].randomElement() ?? 0
            }
            let isTarget = !value.isEmpty && value.allSatisfy { $0 > 0x20 && $0 != 0x7F }
            let ends: [UInt8] = [value.first ?? 0x21, value.last ?? 0x21]
            let isBlankAtAnEnd = ends.contains(0x20) || ends.contains(0x09)
            let isValue = !isBlankAtAnEnd && value.allSatisfy(isFieldValueCharacter)
            value.withUnsafeBytes {
                #expect(FieldCharacters.isTarget($0) == isTarget)
                #expect(FieldCharacters.isValue($0) == isValue)
            }
        }
    }

    @Test func namesAndAuthorities() {
        for byte in UInt8.min...UInt8.max {
            let isName = isTokenCharacter(byte) && asciiLowercase(byte) == byte
            let isHost = isTokenCharacter(byte) && !"#^`|".utf8.contains(byte) || "(),;=:@[]".utf8.contains(byte)
            [UInt8(ascii: "a"), byte].withUnsafeBytes {
                #expect(FieldCharacters.isLowercaseName($0) == isName)
                #expect(FieldCharacters.isAuthority($0) == isHost)
            }
        }
    }
}

struct PriorityFieldTests {
    private func priority(_ text: String) -> (UInt32, Bool) {
        let field = bytes(text) { PriorityField($0) }
        return (field.urgency, field.isIncremental)
    }

    @Test(arguments: [
        ("", 3, false), ("u=0", 0, false), ("u=7, i", 7, true), ("i,u=1", 1, true), ("i=?1", 3, true),
        ("i, i=?0", 3, false), ("u=8", 3, false), ("u=-1", 3, false), ("u=2.0", 3, false), ("u=\"1\"", 3, false),
        ("u=5;a=1, x=\"a, u=0\", i;q", 5, true), ("u=1, u=2", 2, false), (" u=4 ,\ti ", 4, true), ("U=1", 3, false),
        ("x=\"\\\", u=1", 3, false),
    ])
    func members(text: String, urgency: UInt32, isIncremental: Bool) {
        #expect(priority(text) == (urgency, isIncremental))
    }

    @Test func anythingCanBeRead() {
        let corpus = ["u=3, i", "u=1;x=\"\\\"\", i=?0", "a, b=(1 2), u=7"].map { Array($0.utf8) }
        let problem = Fuzzer(corpus: corpus, words: ["u=", "i", "\"", "\\", ","]).run(iterations: 5000) { input, _ in
            input.withUnsafeBytes { PriorityField($0) }.urgency <= 7 ? nil : "an urgency beyond 7"
        }
        #expect(problem == nil)
    }
}
