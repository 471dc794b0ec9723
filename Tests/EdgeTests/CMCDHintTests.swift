// SPDX-License-Identifier: Apache-2.0

import Fuzzing
import Testing

@testable import Edge

/// Text given to a parser of bytes.
private func parse(_ text: String, _ parser: (UnsafeRawBufferPointer) -> [UInt8]?) -> String? {
    Array(text.utf8).withUnsafeBytes(parser).map { String(decoding: $0, as: UTF8.self) }
}

@Suite struct CMCDHintTests {
    @Test(arguments: [
        (#"nor="4.m4s""#, "4.m4s"),
        (#"bl=21300,dl=18500,nor="4.m4s",mtp=48100,su"#, "4.m4s"),
        (#"su, nor="4.m4s""#, "4.m4s"),
        // The value is percent-encoded by itself, too.
        (#"nor="..%2F300kbps%2Fsegment35.m4v""#, "../300kbps/segment35.m4v"),
        // What stands in other strings is no key, and quotes may be escaped.
        (#"cid="a,nor=\"x\"",nor="4.m4s""#, "4.m4s"),
        (#"nor="a\"b""#, "a\"b"),
        ("nor=4.m4s", "4.m4s"),
    ])
    func theFieldNamesTheNextObject(value: String, expected: String) {
        #expect(parse(value, CMCDHint.nextObject(in:)) == expected)
    }

    @Test(arguments: [
        "", "su", "nor", "nor=", #"nor="""#, #"nor="4.m4s"#, #"nor="4%2""#, #"nor="%zz""#, #"nrr="0-99""#,
        #"NOR="4.m4s""#, #"xnor="4.m4s""#, ",,,", "=", #"cid="nor=1"#,
    ])
    func anythingElseNamesNone(value: String) {
        #expect(parse(value, CMCDHint.nextObject(in:)) == nil)
    }

    @Test func theParameterIsEncodedAsAWhole() {
        let value = "bl%3D21300%2Cnor%3D%22..%252F300kbps%252Fsegment35.m4v%22%2Cst%3Dv"
        #expect(parse(value, CMCDHint.nextObject(inParameter:)) == "../300kbps/segment35.m4v")
        #expect(parse("nor%3D%224.m4s%22", CMCDHint.nextObject(inParameter:)) == "4.m4s")
        #expect(parse("nor%3D%224.m4s%2", CMCDHint.nextObject(inParameter:)) == nil)
    }

    @Test func whatIsTooLongIsNotRead() {
        let value = #"nor="4.m4s","# + String(repeating: "x", count: CMCDHint.bytesMax)
        #expect(parse(value, CMCDHint.nextObject(in:)) == nil)
        #expect(parse(value, CMCDHint.nextObject(inParameter:)) == nil)
    }

    /// Whatever a player sends: what would be fetched is a plain sibling of its own request.
    @Test func noHintLeadsElsewhere() {
        let corpus = [
            #"nor="4.m4s""#, "nor%3D%224.m4s%22", #"bl=1,nor="..%2Fb%2F4.m4s",su"#, #"nor="%2Fv%2Fa%2F4.m4s""#,
        ]
        let words = ["nor=", "\"", ",", "%2F", "%252F", "..", "%2e", "//", "\\", "=", "?", "/v/b/4.m4s"]
        let base = Array("/v/a/3.m4s".utf8)
        var found = 0
        let problem = Fuzzer(corpus: corpus.map { Array($0.utf8) }, words: words).run(iterations: 10_000) { input, _ in
            for isParameter in [true, false] {
                let reference = input.withUnsafeBytes {
                    isParameter ? CMCDHint.nextObject(inParameter: $0) : CMCDHint.nextObject(in: $0)
                }
                guard let reference, let target = PlainPath.resolve(reference, from: base),
                    PlainPath.areSiblings(base, target)
                else { continue }
                found += 1
                guard target.starts(with: "/v/a/".utf8), !target.dropFirst(5).contains(UInt8(ascii: "/")),
                    !target.contains(UInt8(ascii: "%")), target != base
                else { return String(decoding: target, as: UTF8.self) }
            }
            return nil
        }
        #expect(problem == nil)
        #expect(found > 1000)
    }
}
