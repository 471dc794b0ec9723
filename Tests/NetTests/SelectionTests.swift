// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

private func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try Array(text.utf8).withUnsafeBytes(body)
}

@Suite struct ByteRangeSetTests {
    private func set(_ text: String, rangesMax: Int = 4) -> ByteRangeSet? {
        withBytes(text) { ByteRangeSet($0, rangesMax: rangesMax) }
    }

    @Test(arguments: [
        ("bytes=0-1", ByteRangeSet.single(.closed(first: 0, last: 1))),
        ("bytes=,0-1, ,", .single(.closed(first: 0, last: 1))),
        ("bytes= 0-1 ,\t-5,9-", .several([.closed(first: 0, last: 1), .suffix(length: 5), .from(first: 9)])),
    ]) func listsAreRead(text: String, expected: ByteRangeSet) {
        #expect(set(text) == expected)
    }

    @Test(arguments: [
        "bytes=", "bytes=,", "bytes=0-1,x", "bytes=0-1;2-3", "bytes=0-1,2", "bytes=0-1,3-2", "items=0-1,2-3",
        "bytes=0-0,2-2,4-4,6-6,8-8",
    ]) func whatIsIgnored(text: String) {
        #expect(set(text) == nil)
    }

    @Test(arguments: [
        // Far from each other, in the order of the request.
        ("bytes=900-999,0-9", 1000, [900..<1000, 0..<10]),
        // Overlapping, touching, near: one.
        ("bytes=0-9,5-14", 1000, [0..<15]), ("bytes=0-9,10-19", 1000, [0..<20]), ("bytes=0-9,100-109", 1000, [0..<110]),
        ("bytes=0-9,139-149", 1000, [0..<10, 139..<150]),
        // The third joins the first two.
        ("bytes=0-9,300-309,5-305", 1000, [0..<310]), ("bytes=600-609,0-9,300-309,5-305", 1000, [600..<610, 0..<310]),
        // Those that can not be satisfied are left out.
        ("bytes=0-9,2000-", 1000, [0..<10]), ("bytes=2000-,3000-", 1000, []), ("bytes=0-,-0", 1000, [0..<1000]),
    ]) func rangesAreJoinedAndLeftOut(text: String, length: Int, expected: [Range<Int>]) throws {
        guard case .several(let ranges) = try #require(set(text)) else {
            Issue.record("one range")
            return
        }
        #expect(ByteRangeSet.resolve(ranges, length: length) == expected)
    }

    /// No byte is sent twice, whatever is asked for.
    @Test func partsAreDisjoint() {
        var random = SplitMix(state: 11)
        for _ in 0..<2000 {
            let ranges = (0..<8).map { _ in
                let first = Int(random.next() % 3000)
                return ByteRange.closed(first: first, last: first + Int(random.next() % 400))
            }
            let parts = ByteRangeSet.resolve(ranges, length: 2500).sorted { $0.lowerBound < $1.lowerBound }
            for (left, right) in zip(parts, parts.dropFirst()) {
                #expect(left.upperBound + ByteRangeSet.gapBytes < right.lowerBound)
            }
            for case .closed(let first, let last) in ranges where first < 2500 {
                #expect(parts.contains { $0.contains(first) && $0.contains(min(last, 2499)) })
            }
        }
    }
}

@Suite struct PreconditionsTests {
    private static let modified = "Sun, 06 Nov 1994 08:49:37 GMT"
    private static let earlier = "Sun, 06 Nov 1994 08:49:36 GMT"

    /// With the tag `"a"` (or another), modified at the time above and sent a day later.
    private func verdict(
        match: String = "", noneMatch: String = "", since: String = "", unmodified: String = "", etag: String = "\"a\"",
        isDated: Bool = true
    ) -> Preconditions.Verdict {
        withBytes(match) { match in
            withBytes(noneMatch) { noneMatch in
                withBytes(since) { since in
                    withBytes(unmodified) { unmodified in
                        withBytes(etag) { etag in
                            Preconditions(
                                ifMatch: match, ifNoneMatch: noneMatch, ifModifiedSince: since,
                                ifUnmodifiedSince: unmodified
                            ).verdict(
                                Validators(
                                    etag: etag, modifiedSeconds: isDated ? 784_111_777 : nil, dateSeconds: 784_198_177))
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [
        ("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("\"b\",,\t\"a\" ", true), ("*", true),
        ("\"b\"", false),
        ("a", false), ("\"x,\"a\"", false), ("\"b,a\"", false), ("\"a", false), ("w/\"a\"", false),
    ]) func ifNoneMatchComparesWeakly(list: String, matches: Bool) {
        #expect(verdict(noneMatch: list) == (matches ? .notModified : .proceed))
        #expect(verdict(noneMatch: list, etag: "W/\"a\"") == (matches ? .notModified : .proceed))
    }

    @Test(arguments: [
        ("\"a\"", true), ("*", true), ("\"b\", \"a\"", true), ("W/\"a\"", false), ("\"b\"", false),
    ]) func ifMatchComparesStrongly(list: String, matches: Bool) {
        #expect(verdict(match: list) == (matches ? .proceed : .failed))
        #expect(verdict(match: list, etag: "W/\"a\"") == (list == "*" ? .proceed : .failed))
    }

    @Test func anythingIsThereWithoutATag() {
        #expect(verdict(noneMatch: "*", etag: "") == .notModified)
        #expect(verdict(noneMatch: "\"\"", etag: "") == .proceed)
        #expect(verdict(match: "*", etag: "") == .proceed)
    }

    @Test func datesAreCompared() {
        #expect(verdict(since: Self.modified) == .notModified)
        #expect(verdict(since: "Sunday, 06-Nov-94 08:49:37 GMT") == .notModified)
        #expect(verdict(since: Self.earlier) == .proceed)
        #expect(verdict(since: "yesterday") == .proceed)
        #expect(verdict(unmodified: Self.modified) == .proceed)
        #expect(verdict(unmodified: Self.earlier) == .failed)
        #expect(verdict(unmodified: "yesterday") == .proceed)
        #expect(verdict(unmodified: Self.earlier, isDated: false) == .proceed)
        // The time of the response stands in for the one that is not known.
        #expect(verdict(since: Self.modified, isDated: false) == .proceed)
        #expect(verdict(since: "Mon, 07 Nov 1994 08:49:37 GMT", isDated: false) == .notModified)
    }

    /// RFC 9110 section 13.2.2.
    @Test func tagsGoBeforeDates() {
        #expect(verdict(noneMatch: "\"b\"", since: Self.modified) == .proceed)
        #expect(verdict(noneMatch: "\"a\"", since: Self.earlier) == .notModified)
        #expect(verdict(match: "\"a\"", unmodified: Self.earlier) == .proceed)
        #expect(verdict(match: "\"b\"", noneMatch: "\"a\"") == .failed)
        #expect(verdict(match: "\"a\"", noneMatch: "\"a\"") == .notModified)
        #expect(verdict(since: Self.modified, unmodified: Self.earlier) == .failed)
    }

    @Test(arguments: [
        ("", "\"a\"", true), ("\"a\"", "\"a\"", true), ("\"b\"", "\"a\"", false), ("W/\"a\"", "W/\"a\"", false),
        ("\"a\", \"b\"", "\"a\"", false), ("*", "\"a\"", false), (Self.modified, "\"a\"", true),
        ("Sun Nov  6 08:49:37 1994", "\"a\"", true), (Self.earlier, "\"a\"", false), ("nonsense", "\"a\"", false),
    ]) func ifRangeNeedsAStrongValidator(field: String, etag: String, allowed: Bool) {
        withBytes(field) { field in
            withBytes(etag) { etag in
                let dated = Validators(etag: etag, modifiedSeconds: 784_111_777, dateSeconds: 784_198_177)
                #expect(Preconditions.allowsRange(field, dated) == allowed)
            }
        }
    }

    /// What was modified in the second in which it was sent may have been modified once more in it.
    @Test func aDateOfTheSameSecondIsWeak() {
        withBytes(Self.modified) { field in
            let fresh = Validators(etag: field.slice(0..<0), modifiedSeconds: 784_111_777, dateSeconds: 784_111_777)
            #expect(!Preconditions.allowsRange(field, fresh))
        }
    }
}

@Suite struct AcceptEncodingTests {
    @Test(arguments: [
        "gzip", "GZIP", "x-gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8, *;q=0.1", "deflate,gzip;q=0.001", "*",
        "identity;q=0.5, gzip;q=0.5", "identity;q=0, *", "gzip ; q=1", "gzip;Q=0.5", ",gzip", "identity;q=0,gzip",
    ]) func gzipIsWanted(field: String) {
        #expect(withBytes(field) { AcceptEncoding.prefersGzip($0) })
    }

    @Test(arguments: [
        "", "br", "identity", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzip;q=0, *", "identity, gzip;q=0.5", "gzipped",
        "gzip;q=2", "gzip;q=", "gzip;x=1", "gzip;q=0.1234", "gzip;q=a", "identity;q=1,*;q=0.5",
    ]) func gzipIsNot(field: String) {
        #expect(!withBytes(field) { AcceptEncoding.prefersGzip($0) })
    }
}

@Suite struct MultipartBodyTests {
    private func all(_ body: BodySource) -> String? {
        var bytes: [UInt8] = []
        while true {
            switch body.window(at: bytes.count) {
            case .bytes(let window): bytes.append(contentsOf: window)
            case .end: return String(decoding: bytes, as: UTF8.self)
            case .pending, .failed: return nil
            }
        }
    }

    @Test func thePartsHaveTheirHeads() {
        let source = BytesBody("0123456789".utf8)
        let body = MultipartBody(source, parts: [7..<10, 0..<2], length: 10, type: Array("text/plain".utf8))
        let boundary = MultipartBody.boundary
        let expected =
            "--\(boundary)\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-9/10\r\n\r\n789\r\n"
            + "--\(boundary)\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--\(boundary)--\r\n"
        #expect(all(body) == expected)
        #expect(body.count == expected.utf8.count)
    }

    /// A source that ends too soon must not look like a whole response.
    @Test func aSourceThatIsCutOffFails() {
        #expect(all(MultipartBody(BytesBody("01".utf8), parts: [0..<1, 1..<5], length: 5, type: [])) == nil)
    }
}

@Suite struct SelectionFuzzTests {
    /// No field may trap, and what is read keeps its promises. With a fixed seed.
    @Test func noFieldTraps() {
        let words = [
            "bytes=", "0-1", "-5", "9-", ",", " ", "\t", "\"", "W/", "\"a\"", "*", "gzip", ";q=", "0.5", "1.000",
            "identity",
            "Sun, 06 Nov 1994 08:49:37 GMT", "Nov", " 6 ", "08:49", "99999999999999999999", "\0", "-", "=", "GMT",
        ].map { Array($0.utf8) }
        var random = SplitMix(state: 23)
        for _ in 0..<30_000 {
            var field: [UInt8] = []
            for _ in 0..<random.next() % 7 { field += words[Int(random.next() % UInt64(words.count))] }
            if !field.isEmpty, random.next() % 3 == 0 {
                field[Int(random.next() % UInt64(field.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            field.withUnsafeBytes { bytes in
                if case .several(let ranges) = ByteRangeSet(bytes, rangesMax: 8) {
                    #expect(ranges.count <= 8)
                    for part in ByteRangeSet.resolve(ranges, length: 100) {
                        #expect(0 <= part.lowerBound && part.upperBound <= 100)
                    }
                }
                _ = AcceptEncoding.prefersGzip(bytes)
                let validators = Validators(etag: bytes, modifiedSeconds: 784_111_777, dateSeconds: 784_111_999)
                _ = Preconditions.allowsRange(bytes, validators)
                _ = Preconditions(
                    ifMatch: bytes, ifNoneMatch: bytes, ifModifiedSince: bytes, ifUnmodifiedSince: bytes
                ).verdict(validators)
                if let seconds = parseHTTPDate(bytes) { #expect(seconds >= 0) }
                _ = RequestRules.isAuthority(bytes)
            }
        }
    }
}

@Suite struct FieldBlockTests {
    @Test func theFieldsComeBack() {
        let fields: [(name: [UInt8], value: [UInt8])] = [
            (Array("a".utf8), []), (Array("etag".utf8), Array("\"x: y\"".utf8)), (Array("b".utf8), [0xE9, 0x20, 0x3A]),
        ]
        let back = FieldBlock(fields).fields
        #expect(back.map(\.name) == fields.map(\.name))
        #expect(back.map(\.value) == fields.map(\.value))
    }
}
