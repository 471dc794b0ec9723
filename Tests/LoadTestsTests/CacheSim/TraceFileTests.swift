// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LoadTests

@Suite struct TraceFileTests {
    private func parse(_ text: String) throws -> Trace {
        var text = text
        return try text.withUTF8 { try TraceFile.parse(UnsafeRawBufferPointer($0), name: "t.csv") }
    }

    @Test func linesAreRequests() throws {
        let trace = try parse("time,key,bytes\r\n0,/a,10\r\n\n0.25,/b,x,20\n1.5,/a,10")
        #expect(trace.objectBytes == [10, 20])
        #expect(
            trace.requests == [
                .init(milliseconds: 0, object: 0), .init(milliseconds: 250, object: 1),
                .init(milliseconds: 1500, object: 0),
            ])
    }

    @Test func aKeyOfAnotherSizeIsANewVersion() throws {
        let trace = try parse("0,/a,10\n1,/a,11\n2,/a,10\n")
        #expect(trace.requests.map(\.object) == [0, 1, 0])
        #expect(trace.objectBytes == [10, 11])
    }

    @Test(arguments: [
        ("", 0, "holds no request"), ("time,key,bytes\n", 0, "holds no request"),
        ("0,/a,1\nx,/b,1\n", 2, "the time `x`"), ("0,/a,1\n-1,/b,1\n", 2, "the time `-1`"),
        ("0,/a,1\nnan,/b,1\n", 2, "the time `nan`"), ("0,/a,1\n1e300,/b,1\n", 2, "the time `1e300`"),
        ("0,/a,1\n\n0,/b,-1\n", 3, "the size `-1`"), ("0,/a,99999999999999\n", 1, "the size"),
        ("0,/a,\n", 1, "the size ``"), ("0,,1\n", 1, "the key is empty"), ("0,1\n", 1, "needs three fields"),
        ("nothing\n", 1, "needs three fields"), ("2,/a,1\n1,/a,1\n", 2, "is before"),
    ])
    func aMistakeIsNamedWithItsLine(text: String, line: Int, problem: String) throws {
        let error = try #require(throws: TraceError.self) { try parse(text) }
        #expect(error.line == line)
        #expect(error.problem.contains(problem))
        #expect("\(error)".hasPrefix(line > 0 ? "t.csv:\(line): " : "t.csv: "))
    }

    @Test func aFileThatIsNotThereIsNamed() {
        #expect(throws: TraceError.self) { try TraceFile.read("/nowhere/t.csv") }
    }
}
